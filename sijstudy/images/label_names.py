"""Names of a NIfTI label map's values, as its program left them: in the file, beside it, or in its name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib

from sijstudy.errors import StudyError
from sijstudy.images.dicom_file import brief
from sijstudy.images.nifti import is_volume, reading_volume
from sijstudy.images.segment_names import known_label

DATASET = "dataset.json"  # nnU-Net's, which nnUNetv2_predict puts beside what it segments
_ROW = re.compile(r'<Label\b[^>]*\bKey="(\d+)"[^>]*>\s*(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))', re.DOTALL)


def value_names(path: Path) -> dict[int, str]:
    """Value, from 1 -> name of a NIfTI label map; empty where nobody names them.

    From the label table in the header's extension (TotalSegmentator with ``--ml``), else ``dataset.json`` in its folder
    (nnU-Net), else, as value 1, the file's own name where it is a segment's (TotalSegmentator's file per class).
    StudyError names a ``dataset.json`` that cannot be read, or names regions of several values.
    """
    if not is_volume(path):
        return {}
    with reading_volume(path):
        image: Any = nib.load(path)
        contents = [one.get_content() for one in image.header.extensions]
    for content in contents:
        text = content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)
        if "<LabelTable>" in text:
            return {int(key): (quoted or plain).strip() for key, quoted, plain in _ROW.findall(text) if int(key) > 0}
    if (beside := path.parent / DATASET).is_file():
        return _of_dataset(beside)
    name = path.name.lower().removesuffix(".gz").removesuffix(".nii")
    meaning = known_label(name)
    return {1: name} if meaning and meaning.segment else {}


def _of_dataset(path: Path) -> dict[int, str]:
    try:
        labels = json.loads(path.read_text(encoding="utf-8"))["labels"]
        if not isinstance(labels, Mapping):
            raise TypeError("labels")
        if all(str(key).isdigit() for key in labels):  # nnU-Net's first version: value -> name
            return {int(value): str(name) for value, name in labels.items() if int(value) > 0}
        return {int(value): str(name) for name, value in labels.items() if int(value) > 0}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(
            f"{path}: does not name each label's value ({brief(error)}); correct it, or name values in a segments "
            "table (--segments) and take the file away"
        ) from None
