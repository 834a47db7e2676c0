"""What kinds of images a cohort holds: by the header of one slice of each subject, as all slices are of one series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sijstudy.cohort.image_kind import ImageKind, kind_of
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
    firsts = {item.subject_id: item for item in reversed(manifest.slice_records())}
    found = Counter(_kind(item, manifest).stated(stated) for item in firsts.values())
    return dict(found.most_common())


def _kind(item: Slice, manifest: Manifest) -> ImageKind:
    own = [image for image in _images(item, manifest) if image.frame in (item.frame, None)]
    return kind_of(Series(tuple(own[:1]))) if own else ImageKind()


def _images(item: Slice, manifest: Manifest) -> tuple[MrImage, ...]:
    try:
        if is_volume(item.file):
            return plane_images(item.file, FileHashes())
        return look_at(item.file, manifest.root).images if item.file.is_file() else ()
    except StudyError:
        return ()
