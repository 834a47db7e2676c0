import io

import pytest
from patience import PATIENCE
from toy_study import execute_toy

from sijstudy.study.expected_work import Work
from sijstudy.study.progress import Progress, clock
from sijstudy.study.time_left import TimeLeft


class Listener(io.StringIO):
    """Hears of the notebook's progress, and lets its cell end at the third report."""

    def __init__(self, told, terminal):
        super().__init__()
        self.told, self.terminal = told, terminal

    def isatty(self):
        return self.terminal

    def write(self, text):
        super().write(text)
        if self.getvalue().count("training 40%") >= 3:
            self.told.touch()


REPORTS_UNTIL_TOLD = """
import pathlib, sys, time
sys.stderr.write('training 10%\\rtraining 40%'); sys.stderr.flush()
while not pathlib.Path('told').exists():
    time.sleep(0.02)
"""


def heard(folder, monkeypatch, terminal):
    """What is shown of a notebook whose cell ends when it was heard of three times."""
    name = "TERMINAL_PERIOD" if terminal else "LOG_PERIOD"
    monkeypatch.setattr(f"sijstudy.study.progress.{name}", 0.1)
    stream = Listener(folder / "told", terminal)
    failure, _, shown = execute_toy(folder, REPORTS_UNTIL_TOLD, stream=stream, cell_timeout=PATIENCE)
    assert failure is None
    return shown


def test_a_terminal_shows_one_line_with_the_last_report_of_the_notebook(tmp_path, monkeypatch):
    shown = heard(tmp_path, monkeypatch, terminal=True)
    assert "\n" not in shown
    assert any("cell 3/3" in line and line.rstrip().endswith("training 40%") for line in shown.split("\r"))


def test_a_log_hears_of_a_long_cell_again_and_again(tmp_path, monkeypatch):
    shown = heard(tmp_path, monkeypatch, terminal=False)
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
