"""One notebook executed by papermill, with the running interpreter as its kernel."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import nbformat
import papermill
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import ensure_event_loop, run_sync
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from sijstudy.errors import StudyError

ENGINE = "sijstudy"
KERNEL = "python3"
START_TIMEOUT = 180  # seconds; a kernel on a busy small machine takes its time
LONGEST_SOCKET = 90  # characters; Linux allows 107 with the number that is appended
MESSAGE_TIMEOUT = 120  # seconds; a cell that prints a lot delivers late
TERMINAL_PERIOD, LOG_PERIOD = 1.0, 60.0  # seconds between two words of progress within a cell
PRELOADED = "import sijstudy.figures.paper, sijstudy.notebook.workspace"  # what every notebook of the study begins with


@dataclass(frozen=True)
class Failure:
    """Why a notebook stopped.

    message: one line for a reader. cell: position of the cell among all cells of the executed notebook,
    from 0, or None when no cell was reached. detail: traceback with terminal colours, may be empty.
    """

    message: str
    cell: int | None
    detail: str = ""


class Progress:
    """What a notebook is doing, on one line of a terminal, or in a log on a line per cell and minute.

    ``[2/6] 02_roi_comparison  cell 5/14  00:31  training: 40%``; a terminal's line is refreshed every second.
    The line ends with the last thing the notebook reported on its standard error.
    """

    def __init__(self, label: str, stream: TextIO) -> None:
        self.label, self.stream = label, stream
        self.live = stream.isatty()
        self.cell: int | None = None  # position among all cells, from 0
        self._place, self._detail, self._width = "starting", "", 0
        self._start = time.monotonic()
        self._stop, self._writing = threading.Event(), threading.Lock()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    @property
    def seconds(self) -> float:
        """Time since the notebook was started."""
        return time.monotonic() - self._start

    def __enter__(self) -> Progress:
        self._start = time.monotonic()
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._rest()

    def reach(self, cells: list[Any], position: int) -> None:
        """Note that the cell at ``position`` is about to run."""
        self.cell = position
        if cells[position].cell_type == "code":
            kinds = [cell.cell_type for cell in cells]
            self._place = f"cell {kinds[: position + 1].count('code')}/{kinds.count('code')}"
            self._detail = ""
            self._show()

    def write(self, text: str) -> None:
        """Take what the notebook wrote to its standard error; progress bars end up here."""
        pieces = [piece.strip() for piece in re.split(r"[\r\n]", text) if piece.strip()]
        if pieces:
            self._detail = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", pieces[-1])

    def flush(self) -> None:
        """Part of a stream's interface; nothing is held back."""

    def finish(self, text: str) -> None:
        """End the line with how it went; nothing is shown after it."""
        self._rest()
        self._put(f"{self.label}  {text}  {clock(self.seconds)}", end="\n")

    def _rest(self) -> None:
        self._stop.set()
        if self._ticker.is_alive():
            self._ticker.join()

    def _show(self) -> None:
        line = f"{self.label}  {self._place}  {clock(self.seconds)}  {self._detail}".rstrip()
        self._put(line, end="" if self.live else "\n")

    def _put(self, line: str, end: str) -> None:
        with self._writing:  # the ticker and the notebook's own thread both come here
            if self.live:
                room = _terminal_width(self.stream) - 1
                line = line[:room]
                line, self._width = f"\r{line.ljust(min(self._width, room))}", len(line)
            self.stream.write(line + end)
            self.stream.flush()

    def _tick(self) -> None:
        while not self._stop.wait(TERMINAL_PERIOD if self.live else LOG_PERIOD):
            self._show()


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


def execute(
    notebook: Path,
    output: Path,
    parameters: Mapping[str, Any],
    *,
    root: Path,
    progress: Progress,
    kernel: Kernel | None = None,
    cell_timeout: int | None = None,
) -> Failure | None:
    """Run ``notebook`` with ``parameters`` in the folder ``root``; the executed copy goes to ``output``.

    kernel: one that was started for it, in the same folder, which is asked to end when all cells have run; its owner
    leaves its context. Without, one is started here, and has ended on return.
    What the kernel itself says, if anything, goes to a file beside ``output`` that ends in ``.log``.
    cell_timeout: seconds a cell may take, None for no limit. Returns None, or why it stopped.
    """
    papermill_engines.register(ENGINE, _Engine)
    log = output.resolve().with_suffix(".log")
    log.unlink(missing_ok=True)
    try:
        with ExitStack() as own, _quiet_papermill():
            kernel = kernel or own.enter_context(Kernel(root))
            own.enter_context(_kept_log(kernel, log))
            papermill.execute_notebook(
                notebook.resolve(),
                output.resolve(),
                dict(parameters),
                engine_name=ENGINE,
                kernel_name=KERNEL,
                language="python",
                progress_bar=False,
                cwd=root.resolve(),
                progress=progress,
                kernel=kernel,
                cell_timeout=cell_timeout,
            )
    except PapermillExecutionError as error:
        return Failure(_reason(error), error.cell_index, "\n".join(error.traceback))
    except DeadKernelError:
        message = "the notebook's kernel died while it ran this cell, most often because memory ran out"
        said = log.read_text(errors="replace")[-4000:] if log.exists() else ""
        return Failure(message, progress.cell, said)
    except CellTimeoutError:
        return Failure(f"the cell ran longer than the {cell_timeout} s it was given", progress.cell)
    except KeyboardInterrupt:
        # Else the cell that was running complains on the terminal that its kernel is gone.
        ensure_event_loop().set_exception_handler(lambda *_: None)
        raise
    except RuntimeError as error:
        return Failure(f"the notebook's kernel did not start: {_one_line(str(error))}", progress.cell)
    return None


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """Read a notebook, without the marks papermill adds to a failed one. StudyError when it cannot be read."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise StudyError(f"notebook {path} does not exist") from None
    except Exception as error:  # nbformat raises many kinds for a file that is no notebook
        raise StudyError(f"{path} is not a readable notebook ({_one_line(str(error))[:120]}); restore it") from None
    notebook.cells = [cell for cell in notebook.cells if "papermill-error-cell-tag" not in tags(cell)]
    return notebook


def tags(cell: nbformat.NotebookNode) -> list[str]:
    """The tags of a cell."""
    return list(cell.metadata.get("tags", []))


def clock(seconds: float) -> str:
    """Duration as 00:31 or 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


class _Engine(Engine):
    """papermill's own engine, but it tells ``progress`` of each cell and keeps the kernel's log off the terminal."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        *,
        progress: Progress,
        kernel: Kernel,
        cell_timeout: int | None,
        log_output: bool = False,
        **_: Any,
    ) -> None:
        start = nb_man.cell_start

        def announced(cell: Any, cell_index: int, **more: Any) -> None:
            progress.reach(nb_man.nb.cells, cell_index)
            start(cell, cell_index, **more)

        nb_man.cell_start = announced
        client = PapermillNotebookClient(
            nb_man,
            km=kernel.manager,
            kernel_name=kernel_name,
            timeout=cell_timeout,
            startup_timeout=START_TIMEOUT,
            iopub_timeout=MESSAGE_TIMEOUT,
            log_output=log_output,
            stderr_file=progress,
        )
        try:
            client.execute(cleanup_kc=False)  # it would wait for the kernel's end
        finally:
            if client.kc is not None:
                client.kc.stop_channels()
        kernel.ask_to_end()


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
    """Write a specification of this interpreter as "python3"; returns the folder of kernels that holds it."""
    spec = folder / "kernels" / KERNEL / "kernel.json"
    spec.parent.mkdir(parents=True)
    kernel = get_kernel_dict()  # its command starts with sys.executable
    kernel["argv"].append("--log-level=CRITICAL")  # not what cells print
    spec.write_text(json.dumps(kernel))
    return spec.parents[1]


@contextmanager
def _kept_log(kernel: Kernel, path: Path) -> Iterator[None]:
    """Keep what the kernel said, if anything, as ``path``."""
    try:
        yield
    finally:
        if kernel.log.stat().st_size:
            shutil.copyfile(kernel.log, path)


@contextmanager
def _quiet_papermill() -> Iterator[None]:
    """papermill logs a failing cell's whole traceback; the runner says it in one line and in the report."""
    logger = logging.getLogger("papermill")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _reason(error: PapermillExecutionError) -> str:
    """One line: a StudyError speaks for itself, any other exception is named."""
    text = _one_line(error.evalue)
    return text if error.ename == "StudyError" and text else f"{error.ename}: {text}".rstrip(": ")


def _one_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else ""


def _terminal_width(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80
