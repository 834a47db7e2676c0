"""A project that the runner's tests share."""

import pytest
from toy_study import FIGURE, notebook, result_code, write_project


@pytest.fixture
def project(tmp_path):
    """Three notebooks; the second fails when epochs is 13."""
    return write_project(
        tmp_path,
        n01_first=notebook("First", FIGURE, result_code("01_first")),
        n02_second=notebook(
            "Second", "print('before')", "assert epochs != 13, 'unlucky'", result_code("02_second", 71.0)
        ),
        n03_third=notebook("Third", "print('third ran')"),
    )
