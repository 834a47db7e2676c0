"""The order of a subject's slices: by position along the normal of their plane [3.1]."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from sijstudy.errors import StudyError
from sijstudy.images.dicom import DicomHeader
from sijstudy.images.places import SAME_PLACE, places_of


def normal_of(orientation: tuple[float, ...]) -> np.ndarray[Any, Any]:
    """Unit normal ``(3,)`` of a slice plane, pointing to the head.

    The paper orders slices "from the lower to the upper pelvis" [3.1]. ASSUMED: for a plane parallel to the
    head-foot axis, whose normal has no such direction, it points to the back.
    """
    normal = np.cross(orientation[:3], orientation[3:])
    upward = normal[2] if abs(normal[2]) > 1e-3 else normal[1]
    return normal if upward >= 0 else -normal


def slice_order(headers: list[DicomHeader]) -> list[int]:
    """Places of a subject's slices from the lower to the upper pelvis, by position along the normal.

    Raises StudyError when two slices lie in one place (``places_of``), their planes are not parallel, or their
    positions belong to different frames of reference.
    """
    first = headers[0]
    for other in headers[1:]:
        if other.frame_of_reference != first.frame_of_reference:
            raise StudyError(
                f"{other.file}: its positions do not compare with those of {first.file.name} (frame of reference); "
                "keep one series per subject"
            )
        if not np.allclose(other.orientation, first.orientation, atol=1e-3):
            raise StudyError(
                f"{other.file}: its plane is not parallel to that of {first.file.name}; keep one series per subject"
            )
    heights = [float(np.dot(header.position, normal_of(first.orientation))) for header in headers]
    order = sorted(range(len(headers)), key=heights.__getitem__)
    _check_places(headers, heights, order)
    return order


def _check_places(headers: list[DicomHeader], heights: list[float], order: list[int]) -> None:
    stated = [header.acquisition.get("slice_thickness_mm") for header in headers]
    thickness = min((float(one) for one in stated if isinstance(one, (int, float)) and one > 0), default=None)
    places = places_of(heights, thickness)
    pairs = [(below, above) for below, above in itertools.pairwise(order) if places[below] == places[above]]
    if not pairs:
        return
    below, above = pairs[0]
    gap = heights[above] - heights[below]
    thick = "" if thickness is None else f", slices {thickness:g} mm thick"
    apart = "" if gap < SAME_PLACE else f" ({gap:.2g} mm apart{thick})"
    further = f", and likewise for {len(pairs) - 1} further slices of the series" if len(pairs) > 1 else ""
    raise StudyError(
        f"{_name(headers[above])}: lies in the same place as {_name(headers[below])}{apart}, and neither temporal "
        f"position, acquisition, image type nor echo tells phases apart; keep one of the two{further}"
    )


def _name(header: DicomHeader) -> str:
    return str(header.file) if header.frame is None else f"{header.file} #{header.frame}"
