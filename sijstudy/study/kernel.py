"""A process of the running interpreter as a notebook's kernel."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from traitlets.config import Config

KERNEL = "python3"
LONGEST_SOCKET = 90  # characters; Linux allows 107 with the number that is appended


class Kernel:
    """A process of this interpreter that runs one notebook in the folder ``root``; it starts at once.

    Started while another notebook runs, it has its imports behind it when its turn comes: ``preload`` is code that
    it executes by itself. Used as a context manager: that kills it, or waits for it once it was asked to end, which
    takes seconds where it has worker processes. RuntimeError when it cannot be started.
    """

    def __init__(self, root: Path, preload: str = "") -> None:
        self._ending = False
        with ExitStack() as made:
            self.folder = Path(made.enter_context(tempfile.TemporaryDirectory(prefix="sijstudy-kernel-")))
            specs = KernelSpecManager(kernel_dirs=[str(_write_spec(self.folder))], ensure_native_kernel=False)
            self.manager = AsyncKernelManager(
                kernel_name=KERNEL, kernel_spec_manager=specs, config=_transport(self.folder)
            )
            self.log = self.folder / "kernel.log"
            wanted = ["--HistoryManager.hist_file=:memory:"]
            wanted += [f"--IPKernelApp.exec_lines={preload}"] if preload else []
            with self.log.open("wb") as log:
                run_sync(self.manager.start_kernel)(
                    extra_arguments=wanted, cwd=str(root.resolve()), stdout=log, stderr=log
                )
            self._made = made.pop_all()

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._ending:
                run_sync(self.manager.finish_shutdown)()
                run_sync(self.manager.cleanup_resources)()
            elif self.manager.has_kernel:
                run_sync(self.manager.shutdown_kernel)(now=True)
        finally:
            self._made.close()

    def ask_to_end(self) -> None:
        """Let an idle kernel end by itself, beside whatever comes next."""
        run_sync(self.manager.request_shutdown)()
        self._ending = True


def _transport(folder: Path) -> Config:
    """Sockets as files in ``folder``, this kernel's own: kernels that start at once can take each other's TCP port.

    Linux only, and where the path is short enough for a socket's name; elsewhere TCP as usual.
    """
    place = folder / "kernel"
    usable = sys.platform == "linux" and len(str(place)) < LONGEST_SOCKET
    return Config({"KernelManager": {"transport": "ipc", "ip": str(place)}} if usable else {})


@contextmanager
def own_kernel() -> Iterator[Path]:
    """Let "python3" mean this interpreter: a private kernel specification goes before all others.

    Yields the folder that holds it, which is gone afterwards.
    """
    with tempfile.TemporaryDirectory(prefix="sijstudy-kernel-") as name:
        folder = Path(name)
        _write_spec(folder)
        with jupyter_looks_in(folder):
            yield folder


@contextmanager
def jupyter_looks_in(folder: Path) -> Iterator[None]:
    """Let Jupyter's tools, and processes started meanwhile, search ``folder`` before all others."""
    before = os.environ.get("JUPYTER_PATH")
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(folder), before]))
    try:
        yield
    finally:
        if before is None:
            del os.environ["JUPYTER_PATH"]
        else:
            os.environ["JUPYTER_PATH"] = before


def _write_spec(folder: Path) -> Path:
    """Write a specification of this interpreter as "python3"; returns the folder of kernels that holds it.

    Such a kernel reads no start-up file and no configuration: IPython's folder is an empty one, in ``folder``.
    """
    spec = folder / "kernels" / KERNEL / "kernel.json"
    spec.parent.mkdir(parents=True)
    kernel = get_kernel_dict()  # its command starts with sys.executable
    own = folder / "ipython"
    own.mkdir()
    place = kernel["argv"].index("ipykernel_launcher")
    kernel["argv"][place] = "sijstudy.study.kernel_main"
    kernel["argv"] += [f"--ipython-dir={own}", "--log-level=CRITICAL"]  # not what cells print
    spec.write_text(json.dumps(kernel))
    return spec.parents[1]
