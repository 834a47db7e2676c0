"""Text of pages: escaped, with commands as code."""

import pytest

from sijstudy.study.templating import with_code


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("run `sijstudy run --only 09` & look", "run <code>sijstudy run --only 09</code> &amp; look"),
        ("`a<b` and `c`", "<code>a&lt;b</code> and <code>c</code>"),
        ("one ` alone <x>", "one ` alone &lt;x&gt;"),
        ("", ""),
    ],
)
def test_what_stands_between_backticks_is_code(text, shown):
    assert with_code(text) == shown
