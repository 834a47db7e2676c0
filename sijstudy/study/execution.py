"""One notebook executed by papermill; why it stopped, if it did."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import papermill
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines
from papermill.exceptions import PapermillExecutionError

from sijstudy.study.kernel import KERNEL, Kernel
from sijstudy.study.notebook_files import first_line
from sijstudy.study.progress import Progress

ENGINE = "sijstudy"
START_TIMEOUT = 180  # seconds; a kernel on a busy small machine takes its time
MESSAGE_TIMEOUT = 120  # seconds; a cell that prints a lot delivers late
KERNEL_SAID = 4000  # characters of its log that a report shows


@dataclass(frozen=True)
class Job:
    """A notebook to execute.

    output: where its executed copy goes; parameters: name -> value; root: the folder in which it runs;
    cell_timeout: seconds a cell may take, None for no limit.
    """

    notebook: Path
    output: Path
    parameters: Mapping[str, Any]
    root: Path
    cell_timeout: int | None = None

    @property
    def log(self) -> Path:
        """What the kernel itself said, beside the executed notebook; there only when it said something."""
        return self.output.resolve().with_suffix(".log")


@dataclass(frozen=True)
class Failure:
    """Why a notebook stopped.

    message: one line for a reader. cell: position of the cell among all cells of the executed notebook,
    from 0, or None when no cell was reached. detail: traceback with terminal colours, may be empty.
    """

    message: str
    cell: int | None
    detail: str = ""


def execute(job: Job, progress: Progress, kernel: Kernel | None = None) -> Failure | None:
    """Run a notebook and keep its executed copy, also of one that fails. Returns None, or why it stopped.

    kernel: one that was started for it, in the same folder, which is asked to end when all cells have run; its owner
    leaves its context. Without, one is started here, and has ended on return.
    """
    try:
        _execute(job, progress, kernel)
    except PapermillExecutionError as error:
        return Failure(_reason(error), error.cell_index, "\n".join(error.traceback))
    except DeadKernelError:
        message = "the notebook's kernel died while it ran this cell, most often because memory ran out"
        said = job.log.read_text(errors="replace")[-KERNEL_SAID:] if job.log.exists() else ""
        return Failure(message, progress.cell, said)
    except CellTimeoutError:
        return Failure(f"the cell ran longer than the {job.cell_timeout} s it was given", progress.cell)
    except KeyboardInterrupt:
        # Else the cell that was running complains on the terminal that its kernel is gone.
        ensure_event_loop().set_exception_handler(lambda *_: None)
        raise
    except RuntimeError as error:
        return Failure(f"the notebook's kernel did not start: {first_line(str(error))}", progress.cell)
    return None


def _execute(job: Job, progress: Progress, kernel: Kernel | None) -> None:
    papermill_engines.register(ENGINE, _Engine)
    job.log.unlink(missing_ok=True)
    with ExitStack() as own, _quiet_papermill():
        kernel = kernel or own.enter_context(Kernel(job.root))
        own.enter_context(_kept_log(kernel, job.log))
        papermill.execute_notebook(
            job.notebook.resolve(),
            job.output.resolve(),
            dict(job.parameters),
            engine_name=ENGINE,
            kernel_name=KERNEL,
            language="python",
            progress_bar=False,
            cwd=job.root.resolve(),
            progress=progress,
            kernel=kernel,
            cell_timeout=job.cell_timeout,
        )


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
            stderr_file=progress,
        )
        try:
            client.execute(cleanup_kc=False)  # it would wait for the kernel's end
        finally:
            if client.kc is not None:
                client.kc.stop_channels()
        kernel.ask_to_end()


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
    text = first_line(error.evalue)
    return text if error.ename == "StudyError" and text else f"{error.ename}: {text}".rstrip(": ")
