"""MR images -> the series they form: a series that holds each place more than once is split into its phases."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from sijstudy.cohort.image_header import MARKS
from sijstudy.cohort.series import MrImage, Series
from sijstudy.images.places import places_of
from sijstudy.images.slice_order import normal_of

OTHER = 1.5  # ASSUMED: repetition times that differ by this factor are of two sequences


def series_of(images: Iterable[MrImage]) -> list[Series]:
    """Images grouped into series, a series into its parts and phases, by series number.

    Phases: where images lie in one place (``places_of``), the first of MARKS that tells them apart splits them, and
    the next one what is left. ASSUMED: it does where each of its values has fewer images of a place than all together,
    and it has not more values than a place has images; a time of acquisition that differs from slice to slice has.
    Temporal positions of equally many slices are phases wherever these lie, as a patient's motion may have moved them,
    and so are echo times with a repetition time each: two sequences.
    """
    images = sorted(images, key=lambda image: (image.file, image.frame or 0))
    of_uid: dict[str, set[str]] = defaultdict(set)
    for image in images:
        of_uid[image.series_uid].add(image.uid)
    groups: dict[Hashable, list[MrImage]] = defaultdict(list)
    for image in images:
        groups[_key(image, alone=len(of_uid[image.series_uid]) == 1)].append(image)
    found = [part for own in groups.values() for part in _parts(own)]
    found.sort(key=lambda own: (own[0].number.zfill(12), own[0].series_uid, own[0].part, own[0].description))
    return [one for own in found for one in _split(own)]


def _parts(images: Iterable[MrImage]) -> Iterable[list[MrImage]]:
    """The parts of one measurement, and measurements that an export gave one series UID and number.

    Those are told by descriptions that go along with other echo or repetition times, sequences or protocols.
    """
    images, acquired = list(images), defaultdict(set)
    for image in images:
        acquired[image.description].add((image.echo_time, image.repetition_time, image.words))
    found: dict[Hashable, list[MrImage]] = defaultdict(list)
    for image in images:
        found[image.part, frozenset(acquired[image.description])].append(image)
    return found.values()


def _key(image: MrImage, *, alone: bool) -> Hashable:
    """What the images of one series share; ``alone``: no other image has this series UID.

    Some exports give each file a series UID of its own, or none. Then study, number and description tell the series;
    where study or number is missing, too, nothing does, and the image stays alone.
    """
    if image.series_uid and not alone:
        return image.series_uid, image.number
    if image.number and image.study[0]:
        return image.study, image.number, image.description
    return image.series_uid, image.uid


def _split(images: Sequence[MrImage]) -> Iterator[Series]:
    reach = len(set(_places(images).values()))
    for phase, own in _phases(images):
        yield Series(tuple(own), phase, reach if phase else 0)


def _phases(images: Sequence[MrImage]) -> Iterator[tuple[str, Sequence[MrImage]]]:
    places = _places(images)
    most = _most(images, places)
    for number, word in enumerate(MARKS):
        parts: dict[str, list[MrImage]] = defaultdict(list)
        for image in images:
            parts[image.marks[number] if image.marks else ""].append(image)
        fewer = len(parts) <= most and all(_most(own, places) < most for own in parts.values())
        if len(parts) > 1 and (fewer or _apart(word, list(parts.values()))):
            for value in sorted(parts, key=_in_order):
                for further, own in _phases(parts[value]):
                    yield ", ".join(filter(None, (f"{word} {value or 'not stated'}", further))), own
            return
    yield "", images


def _apart(mark: str, parts: Sequence[Sequence[MrImage]]) -> bool:
    """True where values of a mark are phases wherever their images lie."""
    if mark == "temporal position":
        slices = {len({image.uid for image in own}) for own in parts}
        return len(slices) == 1 and slices != {1}
    if mark != "echo time":
        return False
    if any(not image.repetition_time for own in parts for image in own):
        return False
    times = sorted([image.repetition_time or 0.0 for image in own] for own in parts)
    return all(max(below) * OTHER < min(above) for below, above in pairwise(times))


def _most(images: Iterable[MrImage], places: dict[str, int]) -> int:
    """How many different images lie in one place, at most."""
    counts: dict[int, set[str]] = defaultdict(set)
    for image in images:
        if image.uid in places:
            counts[places[image.uid]].add(image.uid)
    return max(map(len, counts.values()), default=0)


def _places(images: Iterable[MrImage]) -> dict[str, int]:
    """Image's UID -> number of its place; images without a position have none."""
    planes: list[tuple[tuple[float, ...], dict[str, MrImage]]] = []
    for image in images:
        if not (image.orientation and image.position):
            continue
        alike = (own for plane, own in planes if np.allclose(plane, image.orientation, atol=1e-2))
        own = next(alike, None)
        if own is None:
            planes.append((image.orientation, own := {}))
        own[image.uid] = image
    places: dict[str, int] = {}
    for plane, own in planes:
        heights = [float(np.dot(image.position or (), normal_of(plane))) for image in own.values()]
        stated = [image.thickness or 0.0 for image in own.values()]
        thickness = min(filter(None, stated), default=None)
        first = len(set(places.values()))
        places |= {uid: first + at for uid, at in zip(own, places_of(heights, thickness), strict=True)}
    return places


def _in_order(value: str) -> tuple[float, str]:
    try:
        return float(value), value
    except ValueError:
        return math.inf, value
