"""One subject's outlines from all its label maps, the readers' consensus among them; kept as one compressed file."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from sijstudy.errors import StudyError
from sijstudy.files import write_atomic
from sijstudy.images.consensus import EdemaRule
from sijstudy.images.counted_edema import ELSEWHERE, Counted, ReadSlice, SettledSlice, settle
from sijstudy.images.dicom import DicomHeader
from sijstudy.images.dicom_file import brief
from sijstudy.images.label_maps import Mask, Outline
from sijstudy.images.segment_names import Meaning

SUFFIX = ".npz"
FORMAT = 1
MOST = 0.5  # ASSUMED: share of a slice that no edema covers


@dataclass(frozen=True)
class SubjectOutlines:
    """Outlines by slice, and what the readings say of it.

    masks: SOP instance UID -> segment -> ``(H, W)`` bool, slices and segments with pixels only. The segment
    "edema" is the consensus, inside the bone; "edema reader 1" ... are the readings as drawn, ELSEWHERE agreed edema
    that does not count. segments: all that are declared. slices: those that were read. labels: UID -> 1, 0, or None
    where readers disagree; votes: UID -> one vote per reader, MAX_READERS of them. Only slices that were read are in
    labels and votes. ruled_out: UIDs without a label since their edema does not lie where it counts.
    """

    masks: dict[str, dict[str, Mask]]
    segments: frozenset[str]
    slices: frozenset[str]
    labels: dict[str, int | None]
    votes: dict[str, tuple[int | None, ...]]
    ruled_out: frozenset[str] = frozenset()


def combined(
    outlines: Sequence[Outline],
    headers: Sequence[DicomHeader],
    rule: EdemaRule,
    where: str,
    counted: Counted | None = None,
) -> SubjectOutlines:
    """Unite a subject's outlines and settle its edema by ``rule``. counted: where edema counts, None for all bone.

    Bone is the segment "bone", else ilia and sacrum, on slices where it, or the sacrum and an ilium, has a pixel
    (ASSUMED: ilia alone would rule out edema of the sacrum). Raises StudyError, starting with ``where``, when edema
    comes with readers and without, or ``rule`` asks for more readings than there are.
    """
    merged = _merged(outlines)
    readings = {meaning: outline for meaning, outline in merged.items() if meaning.segment == "edema"}
    _check_readings(readings, rule, where)
    bones = {header.uid: _bone(merged, header) for header in headers}
    painted = _painted_over(readings, bones)
    masks, settled = dict[str, dict[str, Mask]](), dict[str, SettledSlice]()
    for header in headers:
        of_slice = {
            meaning.name: outline.masks[header.uid]
            for meaning, outline in merged.items()
            if header.uid in outline.masks and meaning != Meaning("edema")
        }
        read = {
            meaning: _mask(outline, header) for meaning, outline in readings.items() if header.uid in outline.slices
        }
        if read:
            bone = bones[header.uid]
            if bone is not None:
                bone = np.logical_or.reduce([bone, *(read[meaning] for meaning in painted if meaning in read)])
            drawn = ReadSlice(read, bone, header.uid in _all_bone(merged), len(readings) - len(read))
            settled[header.uid] = own = settle(drawn, rule, counted, header.uid)
            of_slice |= {"edema": own.edema, ELSEWHERE: own.elsewhere}
            _check_extent(read, header)
        masks[header.uid] = {name: mask for name, mask in of_slice.items() if mask.any()}
    declared = {meaning.name for meaning in merged} | ({"edema"} if readings else set())
    slices = frozenset(settled) if readings else frozenset().union(*(outline.slices for outline in merged.values()))
    return _settled(settled, masks, frozenset(declared | ({ELSEWHERE} if readings and counted else set())), slices)


def _settled(
    settled: Mapping[str, SettledSlice],
    masks: dict[str, dict[str, Mask]],
    segments: frozenset[str],
    slices: frozenset[str],
) -> SubjectOutlines:
    labels, votes = {uid: own.label for uid, own in settled.items()}, {uid: own.votes for uid, own in settled.items()}
    ruled_out = frozenset(uid for uid, own in settled.items() if own.ruled_out)
    with_pixels = {uid: own for uid, own in masks.items() if own}
    return SubjectOutlines(with_pixels, segments, slices, labels, votes, ruled_out)


def write_outlines(path: Path, outlines: SubjectOutlines, headers: Sequence[DicomHeader]) -> None:
    """Write ``packed`` outlines, in one step."""
    content = packed(outlines, headers)
    write_atomic(path, lambda stream: stream.write(content))


def packed(outlines: SubjectOutlines, headers: Sequence[DicomHeader]) -> bytes:
    """Masks, segments and slices as the content of an .npz file; the same outlines give the same bytes.

    Arrays: ``format``; ``uids`` ``(N,)`` and ``shapes`` ``(N, 2)`` of all slices, ``read`` ``(N,)`` bool; ``segments``
    ``(S,)``; ``places`` ``(M, 2)``: slice and segment of each mask; ``bits``: the masks' packed bits in that order.
    """
    uids, segments = [header.uid for header in headers], sorted(outlines.segments)
    places = [(uids.index(uid), segments.index(name)) for uid, own in outlines.masks.items() for name in own]
    places.sort()
    bits = [np.packbits(outlines.masks[uids[place]][segments[segment]]) for place, segment in places]
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        format=np.array(FORMAT),
        uids=np.array(uids, dtype="U72"),
        shapes=np.array([header.shape for header in headers], dtype=np.int32),
        read=np.array([uid in outlines.slices for uid in uids]),
        segments=np.array(segments, dtype="U32"),
        places=np.array(places, dtype=np.int32).reshape(-1, 2),
        bits=np.concatenate([np.zeros(0, np.uint8), *bits]),
    )
    return stream.getvalue()


def read_outlines_file(path: Path | IO[bytes]) -> tuple[dict[str, dict[str, Mask]], frozenset[str], frozenset[str]]:
    """Masks, segments and slices as ``write_outlines`` was given them. StudyError when the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            parts: dict[str, Any] = {name: stored[name] for name in stored.files}
        if int(parts["format"]) != FORMAT:
            raise ValueError(f"format {parts['format']}")
        return (
            _unpacked(parts),
            frozenset(map(str, parts["segments"])),
            frozenset(map(str, parts["uids"][parts["read"]])),
        )
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file; build the manifest again") from None
    except Exception as error:  # a cut zip, another program's npz, a pickle
        raise StudyError(f"{path}: no outlines file of this study ({brief(error)}); build the manifest again") from None


def _unpacked(parts: dict[str, Any]) -> dict[str, dict[str, Mask]]:
    masks: dict[str, dict[str, Mask]] = {}
    start = 0
    for place, segment in parts["places"]:
        rows, columns = (int(size) for size in parts["shapes"][place])
        end = start + (rows * columns + 7) // 8
        packed = parts["bits"][start:end]
        mask = np.unpackbits(packed, count=rows * columns).reshape(rows, columns).astype(bool)
        masks.setdefault(str(parts["uids"][place]), {})[str(parts["segments"][segment])] = mask
        start = end
    if start != len(parts["bits"]):
        raise ValueError("masks and bits do not match")
    return masks


def _merged(outlines: Sequence[Outline]) -> dict[Meaning, Outline]:
    """Outlines of one segment and reader united, whatever files they came from."""
    merged: dict[Meaning, Outline] = {}
    for outline in outlines:
        known = merged.get(outline.meaning, Outline(outline.meaning, {}, frozenset()))
        masks = dict(known.masks)
        for uid, mask in outline.masks.items():
            masks[uid] = masks[uid] | mask if uid in masks else mask
        merged[outline.meaning] = Outline(outline.meaning, masks, known.slices | outline.slices)
    return merged


def _check_extent(read: Mapping[Meaning, Mask], header: DicomHeader) -> None:
    """StudyError for an image, or a map turned inside out, that was taken for an outline."""
    for meaning, mask in read.items():
        if mask.mean() > MOST:
            raise StudyError(
                f"{header.file}: '{meaning.name}' is outlined on {100 * mask.mean():.0f}% of the slice: an image, or "
                "a map turned inside out, was taken for an outline; give the outline, or take the file out"
            )


def _check_readings(readings: dict[Meaning, Outline], rule: EdemaRule, where: str) -> None:
    if not readings:
        return
    if Meaning("edema") in readings and len(readings) > 1:
        raise StudyError(f"{where}: edema is outlined with a reader's number and without; number all of them, or none")
    if rule.needed(len(readings)) > len(readings):
        raise StudyError(
            f"{where}: has {len(readings)} edema readings, {rule.agreement} must agree; lower --agreement or add them"
        )


def _all_bone(merged: dict[Meaning, Outline]) -> Collection[str]:
    """UIDs of slices on which the segment bone, all bone in view, has a pixel."""
    return merged[Meaning("bone")].masks if Meaning("bone") in merged else ()


def _bone(merged: dict[Meaning, Outline], header: DicomHeader) -> Mask | None:
    """Where bone is on the slice; None where it is not outlined there as a whole."""
    found = {
        meaning.segment: outline.masks[header.uid] for meaning, outline in merged.items() if header.uid in outline.masks
    }
    if "bone" in found:
        return found["bone"]
    parts = [found[name] for name in ("left ilium", "right ilium", "sacrum") if name in found]
    return np.logical_or.reduce(parts) if "sacrum" in found and len(parts) > 1 else None


def _painted_over(readings: dict[Meaning, Outline], bones: Mapping[str, Mask | None]) -> list[Meaning]:
    """Readings that no bone lies under on any slice: a map with one number per pixel has a hole in the bone there.

    Their edema counts as bone (ASSUMED), as it would otherwise be cut away altogether.
    """
    found = []
    for meaning, outline in readings.items():
        pairs = [(mask, bones[uid]) for uid, mask in outline.masks.items()]
        if pairs and not any(bone is not None and (mask & bone).any() for mask, bone in pairs):
            found.append(meaning)
    return found


def _mask(outline: Outline, header: DicomHeader) -> Mask:
    return outline.masks.get(header.uid, np.zeros(header.shape, bool))
