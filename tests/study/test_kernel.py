import sys

import psutil
import pytest
from toy_study import execute_toy, printed

from sijstudy.study.kernel import Kernel
from sijstudy.study.notebook_files import read_notebook


@pytest.mark.skipif(sys.platform != "linux", reason="TCP elsewhere")
def test_each_kernel_has_sockets_of_its_own(tmp_path):
    code = "import ipykernel, json; print(json.load(open(ipykernel.get_connection_file()))['ip'])"
    places = [printed(execute_toy(tmp_path, code)[1]).strip() for _ in range(2)]
    assert places[0] != places[1]
    assert all("sijstudy-kernel-" in place for place in places)


ENDS_WHEN_TOLD = """
import atexit, pathlib, time
def end():
    while not pathlib.Path("told").exists():
        time.sleep(0.05)
    pathlib.Path("ended").touch()
atexit.register(end)
"""


def test_a_kernel_ends_beside_what_comes_next(tmp_path):
    with Kernel(tmp_path) as kernel:
        failure, *_ = execute_toy(
            tmp_path, ENDS_WHEN_TOLD, kernel=kernel
        )  # does not wait for a kernel that takes its time
        assert failure is None
        assert not (tmp_path / "ended").exists()
        (tmp_path / "told").touch()
    assert (tmp_path / "ended").exists()  # its owner does
    assert not kernel.folder.exists()


def test_a_kernel_that_never_ends_is_killed(tmp_path):
    with Kernel(tmp_path) as kernel:
        execute_toy(tmp_path, "import os; print(os.getpid())", ENDS_WHEN_TOLD, kernel=kernel)
        process = psutil.Process(int(printed(read_notebook(tmp_path / "out/01_toy.ipynb"))))
        assert process.is_running()
    assert not process.is_running()
