"""Device, arithmetic and mode: what they mean, and that they are put back."""

import ctypes
import dataclasses
import resource
import sys

import numpy as np
import psutil
import pytest
import torch

from sijstudy.config import StudyConfig
from sijstudy.training import device as device_module
from sijstudy.training.device import arithmetic, autocast, kept_memory, numerics, resolve_device, threads_of

CPU = torch.device("cpu")
CONFIG = StudyConfig(weights="none", device="cpu", threads_per_fit=1)


def with_(**changes):
    return dataclasses.replace(CONFIG, **changes)


def settings():
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
        torch.backends.cudnn.benchmark,
        torch.get_float32_matmul_precision(),
        torch.get_num_threads(),
    )


@pytest.mark.parametrize(
    ("mode", "inside"), [("strict", (True, False, False, "highest", 1)), ("fast", (False, False, True, "high", 1))]
)
def test_each_mode_sets_what_it_promises_and_puts_it_back(mode, inside):
    before = settings()
    with numerics(with_(mode=mode), CPU):
        assert settings() == inside
    assert settings() == before


def test_settings_are_put_back_after_an_error_too():
    before = settings()
    with pytest.raises(KeyError), numerics(with_(mode="fast"), CPU):
        raise KeyError
    assert settings() == before


@pytest.mark.parametrize(("able", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_native_takes_bfloat16_only_where_the_device_computes_it(monkeypatch, able, expected):
    monkeypatch.setattr(device_module, "_computes_bfloat16", lambda device: able)
    assert arithmetic(with_(precision="native"), CPU) == expected
    assert arithmetic(with_(precision="float32"), CPU) == "float32"
    assert arithmetic(with_(precision="bfloat16"), CPU) == "bfloat16"


def test_this_processor_is_asked_what_it_can(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert arithmetic(with_(precision="native"), CPU) == "bfloat16"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": False})
    assert arithmetic(with_(precision="native"), CPU) == "float32"


@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_layers_compute_in_the_arithmetic_that_was_asked_for(precision, dtype):
    with autocast(with_(precision=precision), CPU):
        assert torch.nn.Linear(2, 2)(torch.ones(1, 2)).dtype == dtype


def test_cores_are_shared_by_the_fits(monkeypatch):
    monkeypatch.setattr(device_module.os, "cpu_count", lambda: 8)
    assert threads_of(with_(threads_per_fit=0, parallel_fits=2)) == 4
    assert threads_of(with_(threads_per_fit=0, parallel_fits=16)) == 1
    assert threads_of(with_(threads_per_fit=3)) == 3


def test_auto_is_the_cpu_without_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto") == torch.device("cuda")


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="only the GNU C library can be told"
)
def test_kept_memory_is_used_again_and_returned_at_the_end():
    size = 100_000_000  # bytes, beyond what the C library keeps by itself

    def new_pages():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        np.empty(size, np.uint8).fill(1)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    with kept_memory():
        first, again = new_pages(), new_pages()
        held = psutil.Process().memory_info().rss
    assert again < first / 10
    assert held - psutil.Process().memory_info().rss > size / 2


def test_kept_memory_elsewhere_changes_nothing(monkeypatch):
    monkeypatch.setattr(device_module.sys, "platform", "win32")
    monkeypatch.setattr(device_module.ctypes, "CDLL", None)
    with kept_memory():
        pass
