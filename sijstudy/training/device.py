"""On what a network computes, and how exactly: device, threads, arithmetic, deterministic or not."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch

from sijstudy.fresh_torch import fresh_torch

if TYPE_CHECKING:
    from sijstudy.config import StudyConfig  # for its type alone, see code.py


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt(3), bytes
KEEPING = {M_MMAP_THRESHOLD: 2**30, M_TRIM_THRESHOLD: 2**31 - 4096}
RETURNING = {M_MMAP_THRESHOLD: 2**25, M_TRIM_THRESHOLD: 2**26}  # as far as the C library goes by itself


def resolve_device(name: str) -> torch.device:
    """``auto`` is a GPU when there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def threads_of(config: StudyConfig) -> int:
    """CPU threads of one fit. Sums of floats depend on it, so it is part of a run's identity."""
    return config.threads_per_fit or max(1, (os.cpu_count() or 1) // config.parallel_fits)


def arithmetic(config: StudyConfig, device: torch.device) -> str:
    """``float32`` or ``bfloat16``: what ``config.precision`` means on ``device``.

    ``native`` is bfloat16 where the device has instructions for it (elsewhere it would be slower than float32).
    """
    if config.precision != "native":
        return config.precision
    return "bfloat16" if _computes_bfloat16(device) else "float32"


def _computes_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def autocast(config: StudyConfig, device: torch.device) -> Any:
    """A context in which layers compute in the configured arithmetic; weights and sums stay float32."""
    if arithmetic(config, device) == "float32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


@contextmanager
def numerics(config: StudyConfig, device: torch.device) -> Iterator[None]:
    """The configured mode and number of threads, and all else of torch as a new process has it; put back afterwards.

    ``strict``: deterministic algorithms only, so one machine gives the same numbers twice. ``fast``: on a GPU
    the quickest algorithm is searched for each layer, TF32 is allowed, and the order of sums is free.

    In both, an operation's output is not filled before it is written, as torch does in deterministic mode to show
    reads of memory never written, and a CPU's memory is kept: together 5% of a step.
    """
    threads, fast = torch.get_num_threads(), config.mode == "fast"
    guard: Any = torch.utils.deterministic
    with fresh_torch():
        if device.type == "cpu":
            torch.set_num_threads(threads_of(config))
        elif not fast:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS needs it to be deterministic
        torch.set_deterministic_debug_mode(0 if fast else 1)  # 1: warns; its other name brings torch's compiler
        guard.fill_uninitialized_memory = False
        torch.backends.cudnn.benchmark = fast
        torch.set_float32_matmul_precision("high" if fast else "highest")
        try:
            with kept_memory() if device.type == "cpu" else nullcontext():
                yield
        finally:
            torch.set_num_threads(threads)


@contextmanager
def kept_memory() -> Iterator[None]:
    """Let the process keep the memory that it frees, for it to be used again; afterwards all that is free is returned.

    Otherwise each step asks the system for much of its activations anew, page by page, thousands of them. Only the
    GNU C library can be told; elsewhere nothing changes.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if library is None or not hasattr(library, "mallopt") or not hasattr(library, "malloc_trim"):
        yield
        return
    try:
        for option, size in KEEPING.items():
            library.mallopt(option, size)
        yield
    finally:
        for option, size in RETURNING.items():
            library.mallopt(option, size)
        library.malloc_trim(0)
