import io

import pytest
from toy_study import execute_toy

from sijstudy.study.expected_work import Work
from sijstudy.study.progress import Progress, clock
from sijstudy.study.time_left import TimeLeft


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_one_line_with_the_last_report_of_the_notebook(tmp_path):
    code = "import sys, time; sys.stderr.write('training 10%\\rtraining 40%'); sys.stderr.flush(); time.sleep(2.5)"
    failure, _, shown = execute_toy(tmp_path, code, stream=Terminal())
    assert failure is None
    assert "\n" not in shown
    assert any("cell 3/3" in line and line.rstrip().endswith("training 40%") for line in shown.split("\r"))


def test_a_log_hears_of_a_long_cell_again_and_again(tmp_path, monkeypatch):
    monkeypatch.setattr("sijstudy.study.progress.LOG_PERIOD", 0.5)
    code = "import sys, time; sys.stderr.write('training 10%\\rtraining 40%'); sys.stderr.flush(); time.sleep(2.5)"
    failure, _, shown = execute_toy(tmp_path, code)
    assert failure is None
    assert "\r" not in shown
    lines = [line for line in shown.splitlines() if "cell 3/3" in line]
    assert not lines[0].endswith("%")
    assert sum(line.endswith("  training 40%") for line in lines) >= 3


def test_what_is_left_of_the_run_stands_behind_the_time():
    times = iter([0.0, 60.0])
    stream = io.StringIO()
    left = TimeLeft({"01": Work(other=60), "02": Work(other=840)}, clock=lambda: next(times, 60.0))
    left.begin("01")
    with Progress("[1/2] 01", stream, left) as progress:
        left.end()
        progress.finish("done")
    assert stream.getvalue() == "[1/2] 01  done  00:00  about 14 min left\n"


def test_progress_ends_its_line():
    stream = io.StringIO()
    with Progress("[2/6] 02_roi", stream) as progress:
        progress.finish("done")
    assert stream.getvalue() == "[2/6] 02_roi  done  00:00\n"


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "00:00"), (31, "00:31"), (3599.9, "59:59"), (3723, "1:02:03")])
def test_clock(seconds, text):
    assert clock(seconds) == text
