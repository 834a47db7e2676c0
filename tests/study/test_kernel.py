import json
import os
import sys
from pathlib import Path

import psutil
import pytest
from patience import PATIENCE
from toy_fits import CONFIG, assert_same_run, toy_fits
from toy_study import execute_toy, printed

from sijstudy.study.kernel import Kernel
from sijstudy.study.notebook_files import read_notebook
from sijstudy.training.loop import train
from sijstudy.training.store import FitRun, RunStore

TESTS = Path(__file__).resolve().parents[1]


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
        kernel.manager.shutdown_wait_time = 2 * PATIENCE  # at half of it Jupyter helps with a signal
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


SEEN = """
import json, torch
from toy_fits import CONFIG, toy_fits
from pathlib import Path
from sijstudy.training.loop import train
from sijstudy.training.store import RunStore
run = train(toy_fits(Path("toy"), 1)[0], CONFIG, RunStore(Path("runs")))
told = [name for name in ("from_startup", "from_python", "from_config") if name in globals()]
print(json.dumps([told, torch.backends.mkldnn.enabled, str(torch.get_default_dtype()), str(run.folder.resolve())]))
"""
ODD = "import torch; torch.backends.mkldnn.enabled = False; torch.set_default_dtype(torch.float64)\n"


def test_a_notebook_computes_the_same_whatever_the_users_environment_holds(tmp_path, monkeypatch):
    profile = tmp_path / "home/.ipython/profile_default"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup/00.py").write_text(f"{ODD}from_startup = 1\n")
    (profile / "ipython_config.py").write_text("c.InteractiveShellApp.exec_lines = ['from_config = 1']\n")
    (tmp_path / "python.py").write_text(f"{ODD}from_python = 1\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS.parent), str(TESTS)]))

    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "home/.ipython"))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "python.py"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    failure, executed, _ = execute_toy(tmp_path / "odd", SEEN)
    assert failure is None, failure
    *seen, address = json.loads(printed(executed))
    assert seen == [[], True, "torch.float32"]
    clean = train(toy_fits(tmp_path / "clean", 1)[0], CONFIG, RunStore(tmp_path / "clean/runs"))
    assert Path(address).name == clean.folder.name
    assert_same_run(FitRun(Path(address)), clean)
