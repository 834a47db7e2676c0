"""What a kernel of the study runs: IPython's own kernel, which reads nothing of the user's and ends with its parent.

``python -m sijstudy.study.kernel_main``, with the arguments of ``ipykernel_launcher``.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

POLL_SECONDS = 0.5
PARENT = "JPY_PARENT_PID"  # environment variable that jupyter_client sets


def main() -> None:
    """Start the kernel; returns when it ends."""
    if sys.path[0] == "" or Path(sys.path[0]) == Path.cwd():
        del sys.path[0]  # IPython puts it back where it wants it
    _end_with_parent()
    from ipykernel.kernelapp import IPKernelApp
    from IPython.core import application

    # The user's own folder is left out by --ipython-dir; these, of the machine and of the interpreter, have no option.
    application.SYSTEM_CONFIG_DIRS.clear()
    application.ENV_CONFIG_DIRS.clear()
    os.environ.pop("PYTHONSTARTUP", None)
    IPKernelApp.launch_instance()


def _end_with_parent() -> None:
    """Watch the parent in place of ipykernel, which ends the kernel alone: what a cell has started would train on, for
    hours. Called before ipykernel is imported, which reads the variable then. On Windows it stays ipykernel's.
    """
    if sys.platform != "win32" and (parent := int(os.environ.pop(PARENT, "0"))):
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    """Wait until ``parent`` is gone, then kill this process and all that it has started."""
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    if os.getpgrp() == os.getpid():  # as jupyter_client starts it, in a group of its own
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main()
