"""The DICOM files of a diagnosis, written by a process beside it.

It starts with the command, and loads highdicom while the command loads torch. Pixels and results come to it by its
standard input, and what it wrote goes back by its standard output. It ends when its input ends, however the command
ended.
"""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sijstudy.errors import StudyError

if TYPE_CHECKING:  # for their types alone: this is loaded before all else
    from sijstudy.study.dicom_told import DicomResults, Told

Wait = Callable[[], "DicomResults"]
Begin = Callable[["Told", Path], Wait]  # begins to write; what it gives waits for the end of it
PROGRAM = "from sijstudy.study.dicom_process import answer; answer()"


def begin_here(told: Told, folder: Path) -> Wait:
    """``write_dicom_results`` in this process, when it is waited for."""
    from sijstudy.study.dicom_results import write_dicom_results  # here: highdicom, which a process beside spares this

    return lambda: write_dicom_results(told, folder)


@contextmanager
def begin_beside() -> Iterator[Begin]:
    """What begins ``write_dicom_results`` in a process beside this one.

    In this one where highdicom is loaded already, which a new process would only wait for, and where that process
    fails, for whatever reason.
    """
    if "highdicom" in sys.modules:
        yield begin_here
        return
    command = [sys.executable, "-P", "-c", PROGRAM]  # -P: no module of the current folder's
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        yield lambda told, folder: _begun(process, told, folder)
    finally:
        given, reply = _pipes(process)
        if not given.closed:  # nothing was begun
            process.kill()
        with suppress(OSError):
            given.close()
        reply.close()
        process.wait()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin and process.stdout
    return process.stdin, process.stdout


def _begun(process: subprocess.Popen[bytes], told: Told, folder: Path) -> Wait:
    given, reply = _pipes(process)
    with suppress(OSError), given:  # it is gone
        pickle.dump((told, folder.absolute()), given)

    def wait() -> DicomResults:
        content = reply.read()
        if not content:
            return begin_here(told, folder)()
        done: DicomResults | StudyError = pickle.loads(content)
        if isinstance(done, StudyError):
            raise done
        return done.under(folder)

    return wait


def answer() -> None:
    """What the process runs: load all, then write what it is given, once."""
    gc.disable()  # as in ``commands.shared.uncollected``: it ends soon
    from sijstudy.study.dicom_results import write_dicom_results

    with suppress(Exception):  # what highdicom reads when it first writes, megabytes of JSON: now, as there is time
        import_module("highdicom._standard_utils").get_module_attribute_map()
    reply = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = sys.stderr  # so that nothing else gets into the reply
    try:
        told, folder = pickle.load(sys.stdin.buffer)
    except EOFError:
        return
    try:
        done: DicomResults | StudyError = write_dicom_results(told, folder)
    except StudyError as error:
        done = error
    with reply:
        pickle.dump(done, reply)
