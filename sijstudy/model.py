"""The network: a torchvision ResNet with one hidden layer and one sigmoid output [2.3, Fig. 4]."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.error import URLError

import torch
from torch import Tensor, nn

from sijstudy.errors import StudyError
from sijstudy.files import file_hash
from sijstudy.intensity import MARROW


@dataclass(frozen=True)
class Inputs:
    """What a network is given of a slice.

    slices: how many images, the slice in the middle of its neighbours. bone: its mask of bone follows, as the last
    channel. marrow: grey values are in units of normal marrow, in which each patch then stays.
    """

    slices: int = 1
    bone: bool = False
    marrow: bool = False

    @property
    def channels(self) -> int:
        """Of the network's input."""
        return self.slices + self.bone

    @property
    def words(self) -> str:
        """For messages."""
        unit = "units of normal marrow" if self.marrow else "percentiles"
        return f"{self.slices} slice{'s' * (self.slices > 1)} in {unit}{' with the bone' * self.bone}"


def inputs_of(parameters: Mapping[str, Any]) -> Inputs:
    """By the parameters of a study, or of a finished run, which an earlier version may have written without some."""
    return Inputs(
        parameters["context_slices"],
        parameters.get("bone_channel", False),
        parameters.get("intensity", "percentile") != "percentile",
    )


class EdemaNet(nn.Module):
    """Patch -> logit of "bone marrow edema on this slice".

    Input ``(N, C, H, W)`` float, noisy patch on the 8-bit scale, C the slice alone (1) or it in the middle of its
    neighbours (3, 5: the paper's next step [4]), and behind them, where ``inputs`` say so, its mask of bone in [0, 1];
    output ``(N,)`` float logits, whose sigmoid is the score of the slice in [0, 1].

    ASSUMED: each patch is standardised to mean 0 and SD 1 before the first convolution; the paper does
    not say how intensities of different subjects were brought together. In units of normal marrow they are so already:
    then marrow becomes 0 and twice as bright 1 in every patch. A mask of bone stays as it is.
    ASSUMED: one output node; the paper's "as many nodes as classes" with a sigmoid gives one or two.
    A grey patch enters one channel. The ImageNet stem is summed over its three channels, which equals
    feeding the patch to all three; three slices enter the stem's own channels; of five each has a fifth of the sum.
    ASSUMED: a mask of bone enters an ImageNet stem with weight 0, and learns from there.
    """

    def __init__(self, resnet: nn.Module, inputs: Inputs = Inputs()) -> None:
        super().__init__()
        self.resnet, self.inputs = resnet, inputs

    def forward(self, patches: Tensor) -> Tensor:
        """``(N, C, H, W)`` -> ``(N,)`` logits."""
        logits: Tensor = self.resnet(self._scaled(patches)).squeeze(1)
        return logits

    def features(self, patches: Tensor) -> Tensor:
        """What the hidden layer is given: ``(N, C, H, W)`` -> ``(N, 512 or 2048)``."""
        layers = list(self.resnet.children())[:-1]  # torchvision lists them in the order of its forward
        return nn.Sequential(*layers)(self._scaled(patches)).flatten(1)

    def _scaled(self, patches: Tensor) -> Tensor:
        images = patches[:, : self.inputs.slices] if self.inputs.bone else patches
        images = images / MARROW - 1 if self.inputs.marrow else standardise(images)
        return torch.cat([images, patches[:, self.inputs.slices :]], dim=1) if self.inputs.bone else images

    @property
    def last_convolution(self) -> nn.Module:
        """The last block of the fifth stage, ``(N, 512 or 2048, H/32, W/32)``: Grad-CAM's target layer [2.3]."""
        return cast(nn.Sequential, self.resnet.layer4)[-1]


def standardise(patches: Tensor) -> Tensor:
    """Each patch, a channel of ``(N, C, H, W)``, to mean 0 and SD 1; a constant patch becomes 0."""
    mean = patches.mean(dim=(2, 3), keepdim=True)
    deviation = patches.std(dim=(2, 3), keepdim=True)
    return (patches - mean) / deviation.clamp_min(1e-6)


def build_model(backbone: str, hidden_units: int, weights: str, seed: int, inputs: Inputs = Inputs()) -> EdemaNet:
    """A new network in training mode, float32, on the CPU, in the layout that computes quickest (channels last).

    backbone: resnet18, resnet34 or resnet50. hidden_units: width of the hidden layer.
    weights: ``imagenet``, ``none``, the path of a state_dict file (read with ``weights_only``), or of a folder
    with one such file for each backbone, ``resnet18*.pth`` and so on.
    seed: of the random initial weights; the global random state is left as it was.
    inputs: what it is given of a slice.
    Raises StudyError when the weights cannot be had or do not fit.
    """
    import torchvision  # here, as it brings torch's compiler, seconds that most notebooks need not wait

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        resnet = torchvision.models.get_model(backbone, weights=None)
        resnet.conv1 = nn.Conv2d(inputs.channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(resnet.conv1.weight, mode="fan_out", nonlinearity="relu")
        features = resnet.fc.in_features
        resnet.fc = nn.Sequential(nn.Linear(features, hidden_units), nn.ReLU(), nn.Linear(hidden_units, 1))
    model = EdemaNet(resnet, inputs).to(memory_format=torch.channels_last)
    if weights == "imagenet":
        _load_backbone(model, _imagenet_state(backbone), "the ImageNet weights")
    elif weights != "none":
        _load_file(model, weights_file(weights, backbone))
    return model


def _imagenet_state(backbone: str) -> dict[str, Tensor]:
    import torchvision  # as in build_model

    entry = torchvision.models.get_model_weights(backbone).IMAGENET1K_V1
    target = Path(torch.hub.get_dir()) / "checkpoints" / entry.url.rsplit("/", 1)[-1]
    try:
        state: dict[str, Tensor] = entry.get_state_dict(progress=False, check_hash=True)
    except (URLError, OSError, RuntimeError) as error:
        raise StudyError(
            f"weights 'imagenet' for {backbone} cannot be downloaded ({error}); put the file at {target}, "
            "or set weights to a file's path, or to 'none' to train from scratch"
        ) from None
    published = target.stem.rpartition("-")[2]  # how the file's SHA-256 begins; torch looks only when it downloads
    if not (found := file_hash(target)).startswith(published):
        raise StudyError(
            f"weights file {target} is not the published one (its SHA-256 begins with {found[: len(published)]}); "
            "remove it, or give its path as weights"
        )
    return state


def weights_file(weights: str, backbone: str) -> Path:
    """The state_dict file that ``weights`` names, or that the folder it names holds for ``backbone``.

    StudyError when there is none, or more than one.
    """
    path = Path(weights)
    if not path.is_dir():
        return path
    found = sorted(file for file in path.glob(f"{backbone}*") if file.suffix in (".pt", ".pth"))
    if len(found) != 1:
        raise StudyError(
            f"weights folder {path} holds {len(found)} files {backbone}*.pt or .pth; keep one for each backbone"
        )
    return found[0]


def weights_digest(weights: str, backbone: str) -> str:
    """What stands for the initial weights in a run's hash: the name, or the SHA-256 of the file."""
    if weights in ("imagenet", "none"):
        return weights
    path = weights_file(weights, backbone)
    if not path.is_file():
        raise StudyError(f"weights file {path} does not exist; give a state_dict file, 'imagenet' or 'none'")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_state(path: Path) -> dict[str, Tensor]:
    """A state_dict from a file, tensors only. Raises StudyError for a missing file or any other pickle."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise StudyError(f"weights file {path} does not exist; give a state_dict file, 'imagenet' or 'none'") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError) as error:
        kind = "a pickle that holds more than tensors" if isinstance(error, pickle.UnpicklingError) else "damaged"
        raise StudyError(
            f"weights file {path} is not a plain state_dict ({kind}); save one with torch.save(model.state_dict())"
        ) from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise StudyError(f"weights file {path} holds no state_dict of tensors; save one with model.state_dict()")
    return state


def _load_file(model: EdemaNet, path: Path) -> None:
    state = load_state(path)
    if any(key.startswith("resnet.") for key in state):  # a network of this study, head included
        try:
            model.load_state_dict(state)
        except RuntimeError as error:
            raise StudyError(f"weights file {path} does not fit: {str(error).splitlines()[-1].strip()}") from None
    else:
        _load_backbone(model, state, f"weights file {path}")


def _load_backbone(model: EdemaNet, state: dict[str, Tensor], source: str) -> None:
    """Load a torchvision ResNet's weights, all but its classifier, in place."""
    state = {key: value for key, value in state.items() if not key.startswith("fc.")}
    stem = state.get("conv1.weight")
    slices = model.inputs.slices
    if stem is not None and stem.shape[1] == 3 != slices:
        stem = state["conv1.weight"] = stem.sum(dim=1, keepdim=True).repeat(1, slices, 1, 1) / slices
    if stem is not None and model.inputs.bone:
        state["conv1.weight"] = torch.cat([stem, torch.zeros_like(stem[:, :1])], dim=1)
    own = {key for key in model.resnet.state_dict() if not key.startswith("fc.")}
    if own != set(state):
        odd = sorted(own ^ set(state))[0]
        raise StudyError(f"{source}: '{odd}' does not match the chosen backbone; choose the backbone it was made for")
    try:
        model.resnet.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise StudyError(f"{source} does not fit: {str(error).splitlines()[-1].strip()}") from None
