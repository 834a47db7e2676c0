"""DICOM -> noisy ROI patch, three times the same work: ours, MONAI's, and as research scripts usually write it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import torch
from monai.data import CacheDataset
from monai.transforms import (
    Compose,
    ConcatItemsd,
    CopyItemsd,
    EnsureChannelFirstd,
    EnsureTyped,
    Lambdad,
    LoadImaged,
    MapTransform,
    RandGaussianNoised,
    RandLambdad,
    ScaleIntensityRangePercentilesd,
    SelectItemsd,
    SpatialCrop,
)
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from sijstudy.cohort.manifest import Manifest
from sijstudy.config import StudyConfig
from sijstudy.images.read import read_image_header
from sijstudy.intensity import PERCENTILES
from sijstudy.noise import add_noise, poisson_rate
from sijstudy.training.loop import DRAWN_AT_ONCE
from sijstudy.training.patches import PatchSet, roi_of

BATCH = 32
WORKERS = 2


@dataclass(frozen=True)
class Part:
    """One side of a patch: the rectangle of the slice, in whole pixels, and the columns of the patch that it fills."""

    rows: tuple[int, int]
    columns: tuple[int, int]
    width: int


@dataclass(frozen=True)
class Sample:
    """What the other pipelines are given of a slice; they need not work out the ROI, only ours does in its time."""

    file: Path
    label: int
    left: Part
    right: Part


def samples(manifest: Manifest, config: StudyConfig) -> list[Sample]:
    """The slices of a synthetic cohort, every one of which has both ilia."""
    return [_sample(item, config) for item in manifest.slice_records()]


def _sample(item: Any, config: StudyConfig) -> Sample:
    rois = roi_of(item, read_image_header(item).shape, config)
    left, right = rois.image_left, rois.image_right
    assert left is not None and right is not None
    columns = round(config.patch_size * left.width / (left.width + right.width))
    parts = [
        Part((math.floor(box.y0), math.ceil(box.y1)), (math.floor(box.x0), math.ceil(box.x1)), width)
        for box, width in ((left, columns), (right, config.patch_size - columns))
    ]
    return Sample(item.file, item.label, parts[0], parts[1])


# --- ours ---------------------------------------------------------------------------------------------------


def our_pass(patches: PatchSet, config: StudyConfig) -> Iterator[Tensor]:
    """Batches of patches with noise from the memory-mapped patches, threads sharing the draws as in training."""

    slices = len(patches.slices)

    def noisy(start: int) -> Tensor:
        return add_noise(
            torch.from_numpy(patches.patches[start : start + DRAWN_AT_ONCE].copy()),
            gaussian_variance=config.noise_gaussian_variance,
            poisson=config.noise_poisson,
            generator=torch.Generator().manual_seed(start),
        )

    with ThreadPoolExecutor(WORKERS) as pool:
        for start in range(0, slices, BATCH):
            yield torch.cat(list(pool.map(noisy, range(start, min(start + BATCH, slices), DRAWN_AT_ONCE))))


# --- MONAI --------------------------------------------------------------------------------------------------


class CutSided(MapTransform):
    """Cut each side's rectangle out of the slice and resize it to its share of the patch.

    By torch and not by MONAI's Resize, whose Gaussian filter takes longer and gives other values than ours.
    """

    def __init__(self, keys: tuple[str, ...], size: int) -> None:
        super().__init__(keys)
        self.size = size

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The sides of one slice, in place of the slice."""
        done = dict(data)
        for key in map(str, self.keys):
            part: Part = done[f"{key}_part"]
            crop = SpatialCrop(roi_start=(part.rows[0], part.columns[0]), roi_end=(part.rows[1], part.columns[1]))
            done[key] = self._resized(crop(done[key]), part.width)
        return done

    def _resized(self, crop: Any, width: int) -> Tensor:
        shape = (self.size, width)
        return torch.nn.functional.interpolate(crop.as_tensor()[None], shape, mode="bilinear", antialias=True)[0]


def monai_dataset(chosen: list[Sample], config: StudyConfig, *, noise: bool = True) -> Any:
    """A CacheDataset by dictionary transforms: making it is the first pass, which caches all up to the noise."""
    low, high = PERCENTILES
    deterministic = [
        LoadImaged("image", reader="PydicomReader", image_only=True, swap_ij=False),
        EnsureChannelFirstd("image"),
        ScaleIntensityRangePercentilesd("image", lower=low, upper=high, b_min=0.0, b_max=255.0, clip=True),
        CopyItemsd("image", times=2, names=["left", "right"]),
        CutSided(("left", "right"), config.patch_size),
        ConcatItemsd(("left", "right"), name="patch", dim=-1),
        SelectItemsd(("patch", "label")),
        EnsureTyped("patch", dtype=torch.float32, track_meta=False),
    ]
    random = [
        CopyItemsd("patch", names="rate"),
        Lambdad("rate", lambda x: poisson_rate(x, config.noise_poisson)),
        RandGaussianNoised("patch", prob=1.0, std=config.noise_gaussian_variance**0.5, sample_std=False),
        RandLambdad("rate", prob=1.0, func=torch.poisson),
        _Addd(("patch", "rate")),
    ]
    data = [{"image": str(s.file), "label": s.label, "left_part": s.left, "right_part": s.right} for s in chosen]
    return CacheDataset(data, Compose(deterministic + (random if noise else [])), num_workers=WORKERS, progress=False)


class _Addd(MapTransform):
    """Add the second key's values to the first's."""

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The sum of one slice, with its label."""
        first, second = map(str, self.keys)
        return {"label": data["label"], first: data[first] + data[second]}


def monai_pass(dataset: Any) -> Iterator[Tensor]:
    """Batches of a CacheDataset; without worker processes, which would cost more than the noise does."""
    for batch in DataLoader(dataset, batch_size=BATCH, num_workers=0):
        yield batch["patch"]


# --- the usual script ---------------------------------------------------------------------------------------


class UsualDataset(Dataset[tuple[Tensor, Tensor]]):
    """pydicom + PIL + torchvision transforms, everything done again whenever a slice is asked for.

    augmented: random flip and rotation as in training. noise: Gaussian and Poisson, on the 8-bit scale.
    """

    def __init__(
        self, chosen: list[Sample], config: StudyConfig, *, augmented: bool = False, noise: bool = True
    ) -> None:
        self.chosen, self.config, self.noise = chosen, config, noise
        random = [transforms.RandomHorizontalFlip(), transforms.RandomRotation(config.rotation_degrees)]
        self.transform = transforms.Compose([*(random if augmented else []), transforms.PILToTensor()])

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor]:
        sample = self.chosen[place]
        patch = self.transform(self._patch(sample)).float()
        if self.noise:
            patch = patch + self.config.noise_gaussian_variance**0.5 * torch.randn(patch.shape)
            patch = patch + torch.poisson(poisson_rate(patch, self.config.noise_poisson))
        return patch, torch.tensor(float(sample.label))

    def _patch(self, sample: Sample) -> Image.Image:
        pixels = pydicom.dcmread(sample.file).pixel_array.astype(np.float32)
        low, high = np.percentile(pixels, PERCENTILES)
        image = Image.fromarray((np.clip((pixels - low) / (high - low), 0, 1) * 255).astype(np.uint8))
        patch, column = Image.new("L", (self.config.patch_size, self.config.patch_size)), 0
        for part in (sample.left, sample.right):
            crop = image.crop((part.columns[0], part.rows[0], part.columns[1], part.rows[1]))
            resized = crop.resize((part.width, self.config.patch_size), Image.Resampling.BILINEAR)
            patch.paste(resized, (column, 0))
            column += part.width
        return patch


def usual_loader(dataset: UsualDataset, *, shuffle: bool = False) -> DataLoader[Any]:
    """The DataLoader of such a script; its two workers stay alive, so that no pass waits for them to start."""
    return DataLoader(
        dataset, batch_size=BATCH, shuffle=shuffle, num_workers=WORKERS, persistent_workers=True, drop_last=False
    )
