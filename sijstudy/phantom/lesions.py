"""Bone marrow edema: ragged, ill-defined, under the joint surface, through neighbouring slices (paper 2.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sijstudy.phantom import difficulty
from sijstudy.phantom.bones import Bones
from sijstudy.phantom.fields import Array, Window, cover, smoothstep, window_of
from sijstudy.phantom.plane import Plane
from sijstudy.phantom.protocol import CLEARLY_OBSERVED, DIFFUSE, LesionKind, LesionRange

GOLDEN = (5**0.5 - 1) / 2
_SHARPNESS = 0.9  # exponent of the bell that a focus is before it is made ragged
_LEVEL = 0.30  # value of the lesion field at which the rim begins
_GROWTH = (1.2 ** np.arange(14)).astype(np.float32)  # of the lesion field, tried in turn until a lesion is large enough
_FADE_MM = 4.0  # ``inward`` foci fade so far before the middle of the ilium's box
_NEAR = (12.0, 95.0, -52.0, 62.0)  # medial, lateral, upper, lower: where a focus at the joint is drawn, mm
_FAR = (-6.0, 118.0, -80.0, 62.0)  # and one whose middle lies apart from it


@dataclass(frozen=True)
class Focus:
    """One focus of edema.

    ``side`` indexes ``Anatomy.sides``. ``along`` and ``half_along`` are in units of the joint's length, 0 at
    its upper end; ``w`` and ``half_w`` mm through the planes; ``depth`` mm from ``start`` mm beside the joint; ``gain``
    signal; ``inward`` as in ``LesionKind``.
    """

    side: int
    bone: str
    along: float
    half_along: float
    w: float
    half_w: float
    depth: float
    gain: float
    start: float = 0.0
    inward: bool = False


@dataclass(frozen=True)
class Edema:
    """Edema of one slice: ``gain`` (n, n) float32 signal to add; ``mask`` (n, n) bool; ``contrast`` its mean gain."""

    gain: Array
    mask: NDArray[np.bool_]
    contrast: float


def draw_foci(
    rng: np.random.Generator, runs: list[tuple[float, float]], span: LesionRange = CLEARLY_OBSERVED
) -> tuple[Focus, ...]:
    """Foci so that every plane of the runs (first, last: body mm) is crossed by at least one of them, and each run by
    ``span.least_extra`` more.

    From faint to gross they spread evenly within each subject: a subject is hard on some slices, never on all.
    """
    only = int(rng.integers(2)) if rng.random() < difficulty.UNILATERAL_RATE else None
    levels = _spread(rng)

    def focus(kind: LesionKind, start: float, last: float) -> Focus:
        return _focus(rng, kind, only, _gain(span, next(levels)), start, last)

    foci: list[Focus] = []
    if span.diffuse > 0 and rng.random() < span.diffuse:
        first, last = runs[int(rng.integers(len(runs)))]
        foci.append(focus(DIFFUSE, rng.uniform(first, last), last))
    for first, last in runs:
        reached = first - 1.0
        while reached < last:
            foci.append(focus(_kind(rng, span), reached, last))
            reached = max(reached + 2.0, foci[-1].w + 0.6 * foci[-1].half_w)
        extra = max(span.least_extra, int(rng.poisson(span.extra * (last - first))))
        foci += [focus(_kind(rng, span), rng.uniform(first, last), last) for _ in range(extra)]
    return tuple(foci)


def draw_stress(rng: np.random.Generator, span: LesionRange = CLEARLY_OBSERVED) -> tuple[Focus, ...]:
    """Edema of mechanical strain: at most one focus, in some of all bodies, shaped and as bright as any other.

    It is no sign of sacroiliitis, but nothing in the slice tells it from one: what it costs, no network can win back.
    """
    if rng.random() >= span.stress:
        return ()
    level = float(rng.random()) ** difficulty.EDEMA_GAIN_POWER
    start = float(rng.uniform(*difficulty.STRESS_RANGE_MM))
    return (_focus(rng, _kind(rng, span), None, _gain(span, level), start, difficulty.STRESS_RANGE_MM[1]),)


def _spread(rng: np.random.Generator) -> Iterator[float]:
    """Levels in [0, 1) that fill it evenly, however many are taken: steps of the golden section from a random start."""
    level = float(rng.random())
    while True:
        yield level**difficulty.EDEMA_GAIN_POWER
        level = (level + GOLDEN) % 1.0


def _kind(rng: np.random.Generator, span: LesionRange) -> LesionKind:
    """One of the kinds, by their weights; the only one without a draw."""
    if len(span.kinds) == 1:
        return span.kinds[0]
    weights = np.array([kind.weight for kind in span.kinds])
    return span.kinds[int(rng.choice(len(weights), p=weights / weights.sum()))]


def _gain(span: LesionRange, level: float) -> float:
    """From the faintest to the brightest for ``level`` from 0 to 1."""
    low, high = span.gain
    return low + (high - low) * level


def _focus(
    rng: np.random.Generator, kind: LesionKind, only: int | None, gain: float, start: float, last: float
) -> Focus:
    half_w = float(rng.uniform(*kind.half_width))
    shallow, deep = kind.depth
    return Focus(
        side=int(rng.integers(2)) if only is None else only,
        bone=kind.bone or ("ilium" if rng.random() < 0.55 else "sacrum"),
        along=float(rng.uniform(*kind.along)),
        half_along=float(rng.uniform(*kind.half_length)),
        w=float(min(start + 0.5 * half_w, 0.5 * (start + last) + 2.0)),
        half_w=half_w,
        depth=float(shallow + (deep - shallow) * rng.beta(1.3, 1.8)),
        gain=gain,
        start=float(rng.uniform(*kind.start)) if kind.start[1] > 0 else 0.0,
        inward=kind.inward,
    )


def edema_of(plane: Plane, bones: Bones, foci: tuple[Focus, ...], least: float) -> Edema:
    """The edema of one slice; none when ``foci`` is empty.

    Foci grow on a slice that shows less than ``least`` mm2, because only slices with a clearly visible lesion
    enter the cohort [2.1].
    """
    fields = [(f.gain, *_lesion_field(plane, bones, f)) for f in foci if _may_show(plane, f, least)]
    window = _around([(rows, columns) for *_, rows, columns in fields])
    gain, shape = (np.zeros((plane.grid.size, plane.grid.size), np.float32) for _ in range(2))
    mask = np.zeros(shape.shape, bool)
    for growth in _GROWTH if fields else ():
        gain[window], shape[window] = 0, 0
        for peak, field, bone, rows, columns in fields:
            part = smoothstep((growth * field - np.float32(_LEVEL)) / difficulty.EDEMA_SOFTNESS) * bone
            np.maximum(gain[rows, columns], np.float32(peak) * part, out=gain[rows, columns])
            np.maximum(shape[rows, columns], part, out=shape[rows, columns])
        mask[window] = shape[window] > 0.5
        if mask[window].sum() >= least / plane.grid.pixel**2:
            break
    if least > 0 and not mask.any() and any(focus.bone == "sacrum" for focus in foci):  # below the sacrum's wings
        return edema_of(plane, bones, tuple(replace(focus, bone="ilium", start=0.0) for focus in foci), least)
    if fields:  # edema is uneven inside, too
        gain[window] *= 1 + 0.12 * plane.body.textures.medium.window(plane.w, plane.grid, *window)
    return Edema(gain, mask, float(gain[mask].mean()) if mask.any() else 0.0)


def _may_show(plane: Plane, focus: Focus, least: float) -> bool:
    """Whether a focus may reach the slice, grown as far as ``least`` may ask for, and however ragged."""
    bell = np.exp(-_SHARPNESS * _reach(plane, focus) ** 2)
    field = bell + difficulty.EDEMA_RAGGEDNESS * plane.body.textures.ragged.most * np.sqrt(bell)
    return bool(field * (_GROWTH[-1] if least > 0 else 1) > 0.99 * _LEVEL)


def _reach(plane: Plane, focus: Focus) -> float:
    """How far the slice lies from the middle of a focus, in its half widths."""
    return (plane.w_at(plane.body.sides[focus.side].sign * 58.0) - focus.w) / focus.half_w


def _around(windows: list[Window]) -> Window:
    """The smallest window that holds all of ``windows``; empty without any."""
    if not windows:
        return slice(0, 0), slice(0, 0)
    rows, columns = zip(*windows, strict=True)
    first, second = (slice(min(s.start for s in each), max(s.stop for s in each)) for each in (rows, columns))
    return first, second


def clearly_observed(
    edema: Edema, signal: Array, receive: Array, bones: Bones, least: float = difficulty.EDEMA_MIN_CONTRAST
) -> Edema:
    """The edema, brightened where it would not stand out of the joints' region as the coils receive it.

    Only slices in which lesions were clearly observed enter the cohort [2.1], so an edema that lies where the
    coils receive little, or among bright vessels, was strong enough to be seen there. Standing out: mean of the
    lesion, wherever it lies, at least ``least`` SDs above the mean of all else between the middles of the two ilia.

    ``signal``: (n, n) float32 of the slice without edema; ``receive``: its receive profile.
    """
    region = _joint_region(bones) if edema.mask.any() else None
    if region is None:
        return edema
    others = (signal[region] * receive[region])[~edema.mask[region]]
    seen, gain = (values[edema.mask] * receive[edema.mask] for values in (signal, edema.gain))
    missing = others.mean() + least * others.std() - seen.mean()
    factor = np.float32(np.clip(missing / gain.mean(), 1, difficulty.EDEMA_MAX_BRIGHTENING))
    return Edema(edema.gain * factor, edema.mask, edema.contrast * float(factor))


def _joint_region(bones: Bones) -> Window | None:
    """Rows of the ilia, columns from the middle of the one to the middle of the other; None when one is missing."""
    boxes = [window_of(ilium < 0) for ilium in bones.ilium]
    if any(rows.start == rows.stop for rows, _ in boxes):
        return None
    middles = sorted((columns.start + columns.stop - 1) // 2 for _, columns in boxes)
    rows = slice(min(rows.start for rows, _ in boxes), max(rows.stop for rows, _ in boxes))
    return rows, slice(middles[0], middles[1] + 1)


def _lesion_field(plane: Plane, bones: Bones, focus: Focus) -> tuple[Array, Array, slice, slice]:
    """The raw field of a focus and how much of each pixel is the bone it may fill, in a window of the slice."""
    side, joint = plane.body.sides[focus.side], bones.joints[focus.side]
    medial, lateral, upper, lower = _NEAR if focus.start == 0 else _FAR
    x0, x1 = sorted((side.sign * medial, side.sign * lateral))
    rows, columns = plane.window(x0, x1, upper, lower)
    distance, along = (plane.grid.upsample(values, rows, columns) for values in (joint.distance, joint.along))
    iliac = focus.bone == "ilium"
    bone = cover((bones.ilium[focus.side] if iliac else bones.sacrum)[rows, columns] + 0.8)
    depth = np.clip(distance - (1.0 if iliac else joint.space), 0, None)
    reach = _reach(plane, focus)
    squares = ((depth - focus.start) / focus.depth) ** 2 + ((along - focus.along) / focus.half_along) ** 2 + reach**2
    bell = np.exp(np.float32(-_SHARPNESS) * squares)
    ragged = plane.ragged(rows, columns)
    field = bell + np.float32(difficulty.EDEMA_RAGGEDNESS) * ragged * np.sqrt(bell)
    if iliac and focus.inward:
        bone = bone * _inward_of_middle(plane, bones, focus.side, columns)
    return field.astype(np.float32), bone, rows, columns


def _inward_of_middle(plane: Plane, bones: Bones, side: int, columns: slice) -> Array:
    """1 on the sacral side of the middle of the ilium's box, fading to 0 there, (1, columns) float32."""
    occupied = plane.grid.mm[(bones.ilium[side] < 0).any(axis=0)]
    if occupied.size == 0:
        return np.zeros((1, columns.stop - columns.start), np.float32)
    middle = (occupied[0] + occupied[-1]) / 2
    inward = plane.body.sides[side].sign * (middle - plane.grid.mm[columns])
    return smoothstep(inward / np.float32(_FADE_MM))[None, :]
