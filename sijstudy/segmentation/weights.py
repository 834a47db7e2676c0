"""The network's weights as a file: those that ship with the package, or anybody's own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from sijstudy.errors import StudyError
from sijstudy.segmentation.network import Pair, UNet

SHIPPED = Path(__file__).with_name("pelvis.safetensors")  # its card lies beside it


def save_network(network: Pair, path: Path) -> None:
    """Write the weights, float32, to ``path``."""
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path)


@lru_cache(maxsize=2)
def load_network(path: Path = SHIPPED) -> Pair:
    """The network of ``path``, ready to use. StudyError when the file is no such network's."""
    network = Pair(UNet(), UNet())
    try:
        network.load_state_dict(load_file(path))
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise StudyError(
            f"{path}: no weights of the ROI network ({reason}); make some with 'sijstudy roi train'"
        ) from None
    return network.eval()
