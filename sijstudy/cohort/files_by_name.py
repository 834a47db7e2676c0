"""Volumes and label maps of a cohort by subject: such files do not say whose they are, folders and names do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath

from sijstudy.errors import StudyError
from sijstudy.files import same_name
from sijstudy.images.label_maps import NRRD_SUFFIXES
from sijstudy.images.label_names import value_names
from sijstudy.images.segment_names import SegmentTable

SEPARATORS = "_-. "


@dataclass(frozen=True)
class NamedFiles:
    """files: subject -> its files, in the order of their paths. left_out: file -> why it is not used."""

    files: dict[str, list[Path]]
    left_out: dict[Path, str]


def subject_by_name(path: Path, root: Path, subjects: Iterable[str]) -> str:
    """The subject a file under ``root`` belongs to, "" for nobody.

    The topmost folder on its path that is a subject_id, else the longest subject_id that the file's name begins
    with, up to one of SEPARATORS: ``1007_STIR.nii.gz`` is of 1007, not of 100.
    """
    known = set(subjects)
    parts = path.relative_to(root).parts
    for folder in parts[:-1]:
        if folder in known:
            return folder
    name = parts[-1]
    fitting = [one for one in known if name.startswith(one) and name[len(one) : len(one) + 1] in SEPARATORS]
    return max(fitting, key=len, default="")


def volumes_by_subject(paths: Iterable[Path], root: Path, subjects: set[str], pattern: str) -> NamedFiles:
    """The one volume of each subject whose name, or end of path, ``pattern`` fits; * and ? as in a shell.

    StudyError when such a volume is nobody's, or a subject has none or two of them.
    """
    files: dict[str, list[Path]] = {}
    left_out: dict[Path, str] = {}
    for path in sorted(paths):
        if not PurePath(same_name(str(path))).match(same_name(pattern)):
            left_out[path] = "not named by --volumes"
            continue
        subject = _owner(path, root, subjects)
        if subject in files:
            raise StudyError(f"{path}: a second volume of subject {subject} beside {files[subject][0].name}; give a "
                             "--volumes pattern that fits one")  # fmt: skip
        files[subject] = [path]
    if not files:
        raise StudyError(f"{root}: no NIfTI file has a name like --volumes '{pattern}'; correct the pattern")
    if missing := subjects - set(files):
        raise StudyError(f"{root}: subject {min(missing)} has no volume like '{pattern}'; add it, or remove its row")
    return NamedFiles(files, left_out)


def label_maps_by_subject(paths: Iterable[Path], root: Path, subjects: set[str], table: SegmentTable) -> NamedFiles:
    """The label maps of each subject: NRRD files, NIfTI files that ``table`` names, or whose values have names.

    StudyError when such a file is nobody's.
    """
    files: dict[str, list[Path]] = defaultdict(list)
    left_out: dict[Path, str] = {}
    for path in sorted(paths):
        try:
            mine = table.declared(path) or path.name.lower().endswith(NRRD_SUFFIXES) or value_names(path)
        except StudyError as error:
            left_out[path] = f"cannot be read: {str(error).removeprefix(f'{path}: ')}"
            continue
        if mine:
            files[_owner(path, root, subjects)].append(path)
        else:
            left_out[path] = "named neither by --volumes nor by a pattern of the segments table"
    return NamedFiles(dict(files), left_out)


def _owner(path: Path, root: Path, subjects: set[str]) -> str:
    subject = subject_by_name(path, root, subjects)
    if not subject:
        raise StudyError(
            f"{path}: of no subject: no folder on its path is a subject_id, nor does its name begin with one; rename "
            "it, add the subject, or take the file out"
        )
    return subject
