import os
import sys

from toy_study import execute_toy, printed


def test_parameters_folder_and_interpreter_reach_the_kernel(tmp_path, monkeypatch):
    elsewhere = tmp_path / "other" / "kernels" / "python3"
    elsewhere.mkdir(parents=True)
    (elsewhere / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "broken", "language": "python"}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "other"))
    code = "import os, sys; print(epochs, profile, weights, os.getcwd(), sys.executable, sep='|')"
    failure, executed, shown = execute_toy(
        tmp_path, code, parameters={"profile": "toy", "epochs": 7, "weights": "none"}
    )
    assert failure is None
    assert printed(executed).strip() == f"7|toy|none|{tmp_path}|{sys.executable}"
    assert shown.splitlines()[-1].startswith("[1/1] 01_toy  cell 3/3  00:0")
    assert os.environ["JUPYTER_PATH"] == str(tmp_path / "other")  # put back
    assert not list((tmp_path / "out").glob("*.log"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notebooks", "other", "out"]  # no socket stays behind


def test_the_exception_and_its_cell_are_told(tmp_path):
    failure, executed, _ = execute_toy(tmp_path, "print('before')", "1 / 0", "print('after')")
    assert failure.message == "ZeroDivisionError: division by zero"
    assert executed.cells[failure.cell].source == "1 / 0"
    assert "ZeroDivisionError" in failure.detail
    assert printed(executed) == "before\n"  # what was computed stays, nothing runs after


def test_a_study_error_speaks_for_itself(tmp_path):
    code = "from sijstudy.errors import StudyError; raise StudyError('slices.csv row 3: mend it')"
    failure, *_ = execute_toy(tmp_path, code)
    assert failure.message == "slices.csv row 3: mend it"


def test_a_dead_kernel_is_reported(tmp_path):
    failure, executed, _ = execute_toy(
        tmp_path, "print('before')", "import os; os.write(2, b'last words'); os._exit(9)"
    )
    assert "kernel died" in failure.message
    assert "os._exit(9)" in executed.cells[failure.cell].source
    assert printed(executed).startswith("before\n")


def test_a_cell_that_takes_too_long_is_stopped(tmp_path):
    failure, executed, _ = execute_toy(tmp_path, "import time; time.sleep(600)", cell_timeout=5)
    assert failure.message == "the cell ran longer than the 5 s it was given"
    assert "sleep" in executed.cells[failure.cell].source
