"""torch as a new process has it: what a start-up file or an earlier cell has set changes no number."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

# Read by torch's libraries when they are loaded, so nothing here could undo them: they are part of every address. Each
# gives other weights, or is said to where it was not tried: those of GPUs, OMP_DYNAMIC. OMP_NUM_THREADS and
# MKL_NUM_THREADS are not among them: a fit sets its own number.
VARIABLES = (
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "OMP_THREAD_LIMIT",
    "OMP_DYNAMIC",
    "NVIDIA_TF32_OVERRIDE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)


def numeric_environment() -> dict[str, str]:
    """The environment variables that change numbers, as far as they are set: name -> value; {} on most machines."""
    return {name: os.environ[name] for name in VARIABLES if os.environ.get(name)}


def environment_identity() -> dict[str, dict[str, str]]:
    """Their part of an address; nothing where none is set, so that addresses of most machines are the same."""
    found = numeric_environment()
    return {"environment": found} if found else {}


@dataclass(frozen=True)
class Setting:
    """Something that torch keeps for the whole process or thread, and its value in a new process."""

    read: Callable[[], Any]
    write: Callable[[Any], object]
    fresh: Any


def _attribute(owner: Any, name: str, fresh: Any) -> Setting:
    return Setting(lambda: getattr(owner, name), lambda value: setattr(owner, name, value), fresh)


def _matmul_precision() -> str:
    """``torch.get_float32_matmul_precision``; empty where precisions were set in a way that it cannot name."""
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:
        return ""


def _set_matmul_precision(value: str) -> None:
    if value:
        torch.set_float32_matmul_precision(value)


def _flushes_denormal() -> bool:
    return not torch.full((1,), 1e-40, dtype=torch.float32, device="cpu").mul_(1.0).item()


def _autocast(kind: str) -> Setting:
    return Setting(
        lambda: torch.is_autocast_enabled(kind), lambda value: torch.set_autocast_enabled(kind, value), False
    )


def _settings() -> tuple[Setting, ...]:
    """All of them, the general before the particular that it would overrule."""
    kept: Any = torch.backends
    return (
        Setting(
            torch.get_default_device,
            lambda device: torch.set_default_device(None if device.type == "cpu" else device),
            torch.device("cpu"),
        ),
        Setting(torch.get_default_dtype, torch.set_default_dtype, torch.float32),
        _autocast("cpu"),
        _autocast("cuda"),
        Setting(_flushes_denormal, torch.set_flush_denormal, False),
        Setting(torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode, 0),
        _attribute(torch.utils.deterministic, "fill_uninitialized_memory", True),
        _attribute(kept.mkldnn, "enabled", True),
        _attribute(kept.mkldnn, "deterministic", False),
        _attribute(kept.cudnn, "enabled", True),
        _attribute(kept.cudnn, "benchmark", False),
        _attribute(kept.cudnn, "deterministic", False),
        _attribute(kept.cuda.matmul, "allow_fp16_accumulation", False),
        _attribute(kept, "fp32_precision", "none"),
        *(_attribute(owner, "fp32_precision", "none") for owner in (kept.mkldnn, kept.cudnn)),
        *(_attribute(getattr(kept.mkldnn, name), "fp32_precision", "none") for name in ("conv", "matmul", "rnn")),
        *(_attribute(getattr(kept.cudnn, name), "fp32_precision", "tf32") for name in ("conv", "rnn")),
        _attribute(kept.cuda.matmul, "fp32_precision", "none"),
        Setting(_matmul_precision, _set_matmul_precision, "highest"),
    )


_entered = False


@contextmanager
def fresh_torch() -> Iterator[None]:
    """torch's settings as in a new process, put back afterwards as they were found; a decorator, too.

    Inside another one it changes nothing: what was set in between, such as the mode of a fit, is meant.
    """
    global _entered
    if _entered:
        yield
        return
    settings = _settings()
    found = [setting.read() for setting in settings]
    _entered = True
    try:
        for setting in settings:
            setting.write(setting.fresh)
        yield
    finally:
        _entered = False
        for setting, value in reversed(list(zip(settings, found, strict=True))):
            setting.write(value)
