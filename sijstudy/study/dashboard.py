"""The live panels as a web page on this machine, served by Voila."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from IPython.display import HTML, display
from tornado.ioloop import IOLoop
from voila.app import Voila

from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.notebook import live_markup
from sijstudy.notebook.cohort import synthetic_name
from sijstudy.notebook.kept_workspace import kept_workspace
from sijstudy.notebook.live_panels import show_live
from sijstudy.notebook.project_root import find_root
from sijstudy.notebook.workspace import Workspace
from sijstudy.records import ARMS
from sijstudy.study.from_kept import kept_folder
from sijstudy.study.kernel import jupyter_looks_in, own_kernel
from sijstudy.study.plan import reports_of
from sijstudy.study.profiles import profile_path
from sijstudy.training.kept_run import ABOUT
from sijstudy.training.networks import FITS, open_networks

PROFILE = "SIJSTUDY_PROFILE"  # environment variable: which run the dashboard's notebook opens
NOTEBOOK = Path("notebooks/live/dashboard.ipynb")
HOST, PORT = "127.0.0.1", 8866  # this machine only; the port is Voila's own
STARTING = 10.0  # seconds that a kernel may take until its process is there; then it ends by itself, with its parent
# All the page needs; other extensions of JupyterLab that happen to be installed may fail in it.
EXTENSIONS = ("@voila-dashboards/widgets-manager8", "@jupyter-widgets/jupyterlab-manager")


def open_run(profile: str, root: Path) -> Workspace:
    """The finished run of a profile, with the parameters it was run with; where there is none, its kept predictions.

    StudyError when there are neither.
    """
    name = profile
    if not (root / "runs" / name).is_dir():
        name = StudyConfig.from_yaml(profile_path(profile, root)).profile
    folder = root / "runs" / name
    again = f"run the study first: sijstudy run --profile {profile}"
    finished = all((folder / f"tables/predictions_{arm}.csv").exists() for arm in ARMS) and (folder / FITS).is_file()
    kept = kept_folder(reports_of(root, name))
    if not finished and (kept / ABOUT).is_file():
        return kept_workspace(kept, root)
    if not finished:
        raise StudyError(f"no finished run of profile {name} in {folder}; {again}")
    config = open_networks(folder).config
    if not config.manifest and not (root / "data_manifest" / synthetic_name(config)).is_dir():
        raise StudyError(f"{folder}: its cohort is gone, or was drawn by other code; {again}")
    return Workspace(config, root)


def show_dashboard() -> None:
    """What the dashboard's notebook shows: whose run, and the panels; one clear line when there is no run."""
    try:
        work = open_run(os.environ.get(PROFILE, "quick"), find_root(Path.cwd()))
        cohort = work.manifest
    except StudyError as error:
        display(HTML(f'<div class="sij">{live_markup.style()}{live_markup.message(str(error))}</div>'))
        return
    kept = "Predictions kept without images and networks: single slices cannot be looked at. " if work.lacks else ""
    synthetic = ", a SYNTHETIC cohort: no patient's image is shown" if cohort.source == "synthetic" else ""
    line = (
        f"Run of profile {work.config.profile} on {cohort.name}{synthetic}. {len(cohort.subjects)} subjects, "
        f"{len(cohort.slices)} slices, {work.config.folds} folds. {kept}"
        "For research and teaching only, not for diagnosis."
    )
    display(HTML(f'<div class="sij">{live_markup.style()}{live_markup.message(line)}</div>'))
    show_live(work)


def serve(profile: str, root: Path, *, port: int | None, browser: bool) -> None:
    """Serve the dashboard on this machine's loopback address until interrupted. StudyError when it cannot start."""
    root = root.resolve()
    open_run(profile, root)  # what is missing is said here rather than in the browser
    if not (root / NOTEBOOK).is_file():
        raise StudyError(f"{root / NOTEBOOK} does not exist; restore it from the repository")
    port = _free_port(PORT if port is None else port, search=port is None)
    os.environ[PROFILE] = profile if not Path(profile).exists() else str(Path(profile).resolve())
    print(f"Dashboard: http://{HOST}:{port}/  (the first page takes some seconds; Ctrl-C ends it)", flush=True)
    arguments = [
        str(root / NOTEBOOK), f"--Voila.ip={HOST}", f"--Voila.port={port}", "--Voila.port_retries=0",
        f"--Voila.open_browser={browser}", "--Voila.log_level=ERROR", "--VoilaConfiguration.template=sijstudy",
        *(f"--VoilaConfiguration.extension_allowlist={name}" for name in EXTENSIONS),
    ]  # fmt: skip
    template = as_file(
        files("sijstudy") / "study" / "templates" / "jupyter"
    )  # a page that asks nothing of any other host
    with own_kernel(), template as folder, jupyter_looks_in(folder):
        # milliseconds; tornado refuses the server's own default, with a warning
        _Server.launch_instance(arguments, tornado_settings={"ws_ping_timeout": 30_000})


class _Server(Voila):
    """Voila, but it ends at once and in order: Voila's own waits for each kernel, and fails while one is starting."""

    def initialize(self, argv: Any = None) -> None:
        super().initialize(argv)
        for number in _ending_signals():
            signal.signal(number, self._handle_signal_stop)

    def _handle_signal_stop(self, sig: int, frame: object) -> None:
        loop = IOLoop.current()  # also before the server listens; then it ends as soon as it does
        loop.add_callback_from_signal(loop.stop)

    def stop(self) -> None:
        """Kill every kernel, also one that is being started: none has anything to keep."""
        for number in _ending_signals():
            signal.signal(number, signal.SIG_IGN)  # another Ctrl-C would leave a kernel behind
        self.ioloop.run_sync(self._end_kernels)  # this loop: the tasks that start kernels belong to it
        shutil.rmtree(self.connection_dir, ignore_errors=True)

    async def _end_kernels(self) -> None:
        if starting := list(self.kernel_manager._pending_kernels.values()):
            await asyncio.wait(starting, timeout=STARTING)
        for kernel in list(self.kernel_manager._kernels.values()):
            with contextlib.suppress(Exception):  # it may have ended by itself
                await kernel.shutdown_kernel(now=True)


def _ending_signals() -> list[signal.Signals]:
    """What ends the server, as far as the system has it and it was not started to ignore it, as ``nohup`` does."""
    found = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    return [number for number in found if signal.getsignal(number) is not signal.SIG_IGN]


def _free_port(port: int, *, search: bool) -> int:
    """``port`` when it is free; else any free one, or StudyError when the port was asked for."""
    for candidate in (port, 0) if search else (port,):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, candidate))
            return int(probe.getsockname()[1])
    raise StudyError(f"port {port} is in use; choose another with --port, or leave it out")
