"""What kinds of images a cohort holds: by the headers of each subject's slices, which are of one series."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from sijstudy.cohort.image_kind import ImageKind, kind_of, mixture_of
from sijstudy.cohort.manifest import Manifest
from sijstudy.cohort.scan import look_at
from sijstudy.cohort.series import MrImage, Series
from sijstudy.cohort.subject_volumes import plane_images
from sijstudy.errors import StudyError
from sijstudy.files import FileHashes, read_json
from sijstudy.images.nifti import is_volume
from sijstudy.records import Slice


def kinds_of(manifest: Manifest) -> Mapping[ImageKind, int]:
    """Kind -> number of subjects, the most frequent first.

    What cohort.json states as ``contrast`` (``manifest build --volumes ... --contrast``) fills what files do not say; a
    file that is not there says nothing.
    """
    stated = str(read_json(manifest.folder / "cohort.json").get("contrast", ""))
    slices: dict[str, list[Slice]] = defaultdict(list)
    for item in manifest.slice_records():
        slices[item.subject_id].append(item)
    return dict(Counter(_kind(own, manifest, stated) for own in slices.values()).most_common())


def _kind(items: Sequence[Slice], manifest: Manifest, stated: str) -> ImageKind:
    """Of a subject's slices; what differs among them is unknown, whatever is stated."""
    frames: dict[Path, set[int | None]] = defaultdict(set)
    for item in items:
        frames[item.file].add(item.frame)
    own = [
        image
        for file in frames
        for image in _images(file, manifest)
        if image.frame is None or image.frame in frames[file]
    ]
    if not own:
        return ImageKind().stated(stated)
    series = Series(tuple(own))
    return kind_of(series) if mixture_of(series) else kind_of(series).stated(stated)


def _images(file: Path, manifest: Manifest) -> tuple[MrImage, ...]:
    try:
        if is_volume(file):
            return plane_images(file, FileHashes())
        return look_at(file, manifest.root).images if file.is_file() else ()
    except StudyError:
        return ()
