"""What a start-up file can set in torch: it changes no number, and stays as it was set."""

import contextlib
import subprocess
import sys

import numpy as np
import pytest
import torch
from toy_fits import CONFIG, FOLDS, assert_same_run, toy_fits, toy_patches

from sijstudy import fresh_torch as module
from sijstudy.fresh_torch import VARIABLES, environment_identity, fresh_torch
from sijstudy.gradcam import cam_maps
from sijstudy.roi import whole_image
from sijstudy.training.inputs import noisy_patches
from sijstudy.training.loop import Fit, train
from sijstudy.training.scoring import load_model, predict
from sijstudy.training.store import RunStore

CPU = torch.device("cpu")
# Each by itself gave other weights at the same address, or stopped the training.
HOSTILE = {
    "mkldnn off": lambda: setattr(torch.backends.mkldnn, "enabled", False),
    "convolutions in bfloat16": lambda: setattr(torch.backends.mkldnn.conv, "fp32_precision", "bf16"),
    "all in bfloat16": lambda: setattr(torch.backends, "fp32_precision", "bf16"),
    "autocast": lambda: torch.set_autocast_enabled("cpu", True),
    "float64": lambda: torch.set_default_dtype(torch.float64),
    "no device": lambda: torch.set_default_device("meta"),
}


def state():
    return [setting.read() for setting in module._settings()]


@contextlib.contextmanager
def set_by_hand(*names):
    """torch as after these lines of a start-up file; undone afterwards without the code that is tested."""
    before = state()
    for name in names:
        HOSTILE[name]()
    try:
        yield
    finally:
        for setting, value in reversed(list(zip(module._settings(), before, strict=True))):
            setting.write(value)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """A tiny network, trained in a process that nobody has changed."""
    folder = tmp_path_factory.mktemp("clean")
    return train(toy_fits(folder, 1)[0], CONFIG, RunStore(folder / "runs"))


@pytest.mark.parametrize(
    "names", [["mkldnn off", "float64"], ["convolutions in bfloat16", "autocast", "no device"], ["all in bfloat16"]]
)
def test_a_fit_has_the_same_address_and_the_same_bytes(tmp_path, clean, names):
    with set_by_hand(*names):
        mine = state()
        run = train(toy_fits(tmp_path, 1)[0], CONFIG, RunStore(tmp_path / "runs"))
        assert state() == mine  # the user's own work goes on as it was set
    assert run.folder.name == clean.folder.name
    assert_same_run(run, clean)


def test_scores_maps_noise_and_patches_are_the_same_outside_of_a_fit(tmp_path, clean):
    patches = toy_patches(tmp_path)

    def numbers():
        noisy, model = noisy_patches(patches, CONFIG, "test", range(3)), load_model(clean)
        image = np.linspace(0, 255, 40 * 50, dtype=np.float32).reshape(40, 50)
        return noisy.numpy(), predict(model, noisy, CONFIG, CPU), cam_maps(model, noisy), whole_image(image, 32)

    expected = numbers()
    with set_by_hand(*(name for name in HOSTILE if name != "all in bfloat16")):
        found = numbers()
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.dtype, ours.tobytes()) == (theirs.dtype, theirs.tobytes())


def test_the_values_are_those_of_a_new_process():
    code = (
        "from sijstudy.fresh_torch import _settings;"
        "print([place for place, one in enumerate(_settings()) if one.read() != one.fresh])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"


def test_what_is_set_inside_is_not_undone_by_a_function_that_is_called():
    with fresh_torch():
        torch.set_float32_matmul_precision("high")
        with fresh_torch():
            assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == "highest"


def test_settings_are_put_back_after_an_error():
    with set_by_hand("float64"):
        with pytest.raises(KeyError), fresh_torch():
            raise KeyError
        assert torch.get_default_dtype() == torch.float64
        with fresh_torch():  # and the next one works
            assert torch.get_default_dtype() == torch.float32


def test_a_variable_that_torch_reads_when_it_is_loaded_is_part_of_the_address(tmp_path, monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    fit = Fit(FOLDS[0], toy_patches(tmp_path), "resnet18", 1)
    assert environment_identity() == {}
    plain = fit.identity(CONFIG, CPU)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert fit.identity(CONFIG, CPU) == plain  # a fit sets its own number
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")
    assert fit.identity(CONFIG, CPU) == {**plain, "environment": {"ONEDNN_DEFAULT_FPMATH_MODE": "BF16"}}
