"""Who is in the synthetic cohort: group, age, sex and used slices (paper 2.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import beta

from sijstudy.records import GROUPS, Group, Sex

if TYPE_CHECKING:
    from sijstudy.config import StudyConfig  # for its type alone, see code.py


ACQUIRED = 37  # slices of the acquisition [2.1]
AXSPA_SLICES = (4, 23)  # used slices per axSpA subject [2.1]
CONTROL_SLICES = (18, 25)  # used slices per control [2.1]
PLACEMENT_SD = 1.0  # slices by which the middle of the used slices misses the acquisition's middle
SYNOVIAL_MIDDLE = -4.0  # slices from the acquisition's middle to the middle of the cartilaginous joint, and SD
SYNOVIAL_SD = 2.5
AGES = {"axSpA": (32.3, 9.8, 18, 59), "control": (27.1, 11.4, 18, 55)}  # mean, SD, youngest, oldest [2.1]
MALES = {"axSpA": 43 / 60, "control": 13 / 19}  # [2.1]


@dataclass(frozen=True)
class PlannedSubject:
    """One subject of the cohort.

    slices: used positions of the acquisition, 0 (lowest) to 36, growing. lesions: those of them on which edema is
    clearly observed; none in a control, or in an axSpA subject whose disease is inactive.
    """

    number: int
    subject_id: str
    group: Group
    age_years: int
    sex: Sex
    slices: tuple[int, ...]
    lesions: tuple[int, ...] = ()

    @property
    def runs(self) -> list[tuple[int, int]]:
        """First and last slice of every stretch of neighbouring slices with edema."""
        cuts = np.flatnonzero(np.diff(self.lesions) > 1) + 1
        return [(int(part[0]), int(part[-1])) for part in np.split(np.array(self.lesions), cuts) if len(part)]


def plan_cohort(config: StudyConfig) -> tuple[PlannedSubject, ...]:
    """All subjects, in an order that does not tell the group. The configured totals are met exactly.

    Whole examinations are of the very same people: they bring every slice of the acquisition, edema where their
    selection has it. After them come the inactive subjects, whom no selection holds.
    """
    rng = np.random.default_rng((config.seed, 0))
    counts = {
        "axSpA": split_total(rng, config.positive_slices, config.axspa_subjects, AXSPA_SLICES, skew=1.1),
        "control": split_total(rng, config.negative_slices, config.control_subjects, CONTROL_SLICES, skew=3.0),
    }
    rows: list[tuple[Group, int, Sex, tuple[int, ...]]] = []
    lesions = _lesion_slices if config.phantom_contrast == "gd_fs_t1" else _synovial_slices
    for group in GROUPS:
        count = counts[group]
        ages, sexes = _ages(rng, group, len(count)), _sexes(rng, group, len(count))
        choose = lesions if group == "axSpA" else _window
        rows += [(group, a, s, tuple(choose(rng, n))) for a, s, n in zip(ages, sexes, count, strict=True)]
    order = rng.permutation(len(rows))
    width = max(3, len(str(len(rows))))
    selected = [_selected(n, width, *rows[k]) for n, k in enumerate(order)]
    if config.slices == "selected":
        return tuple(selected)
    whole = [replace(subject, slices=tuple(range(ACQUIRED))) for subject in selected]
    return (*whole, *_inactive(config, len(whole), width))


def _selected(number: int, width: int, group: Group, age: int, sex: Sex, slices: tuple[int, ...]) -> PlannedSubject:
    lesions = slices if group == "axSpA" else ()
    return PlannedSubject(number, f"SYN{number + 1:0{width}d}", group, age, sex, slices, lesions)


def _inactive(config: StudyConfig, known: int, width: int) -> list[PlannedSubject]:
    """axSpA subjects without edema; numbered after the ``known`` others."""
    rng, count = np.random.default_rng((config.seed, 5)), config.inactive_subjects
    people = zip(_ages(rng, "axSpA", count), _sexes(rng, "axSpA", count), strict=True) if count else ()
    every = tuple(range(ACQUIRED))
    return [
        PlannedSubject(n, f"SYN{n + 1:0{width}d}", "axSpA", age, sex, every)
        for n, (age, sex) in enumerate(people, start=known)
    ]


def split_total(rng: np.random.Generator, total: int, people: int, limits: tuple[int, int], skew: float) -> list[int]:
    """Counts per person within ``limits`` that sum to ``total``, right-skewed for a small ``skew`` (gamma shape).

    When the total leaves room for it one person has the smallest and one the largest count, as in the paper.
    """
    low, high = limits
    mean = max(total / people - low, 1e-6)
    counts = np.clip(np.rint(low + rng.gamma(skew, mean / skew, people)), low, high).astype(int)
    free = np.arange(people)
    if people > 2 and low + high + (people - 2) * low <= total <= low + high + (people - 2) * high:
        counts[0], counts[1] = low, high
        free = free[2:]
    while (missing := total - int(counts.sum())) != 0:
        movable = free[counts[free] < high] if missing > 0 else free[counts[free] > low]
        counts[rng.choice(movable)] += int(np.sign(missing))
    return [int(n) for n in rng.permutation(counts)]


def _window(rng: np.random.Generator, count: int) -> list[int]:
    """``count`` neighbouring slices round the middle of the acquisition, where the joints are."""
    return _placed(rng, list(range(count)))


def _placed(rng: np.random.Generator, pattern: list[int]) -> list[int]:
    """The pattern moved along the acquisition so that its mean lies near the middle.

    Both groups are placed by this rule: the mean position of a subject's slices tells nothing about the class.
    """
    middle = (ACQUIRED - 1) / 2 + float(rng.normal(0, PLACEMENT_SD))
    start = min(max(round(middle - float(np.mean(pattern))), -pattern[0]), ACQUIRED - 1 - pattern[-1])
    return [start + k for k in pattern]


def _lesion_slices(rng: np.random.Generator, count: int) -> list[int]:
    """``count`` slices with edema, a pattern in a window such as a control's.

    A stretch in the window's lower half and its mirror image in the upper half, so that their mean is the window's
    middle. A stretch that would run over the end of its half goes on at the half's other end: every position is
    then equally likely, and position tells nothing about the class. An odd slice joins the end of a stretch.
    """
    low, high = CONTROL_SLICES
    half = max((count + 1) // 2, int(rng.integers(low // 2, high // 2 + 1)))
    width = 2 * half
    start, length = int(rng.integers(half)), count // 2
    if length > 1 and start == half - length + 1:  # its last slice would stand alone at the outer end
        start += int(rng.choice([-1, 1]))
    lower = {(start + k) % half for k in range(length)}
    used = lower | {width - 1 - k for k in lower}
    if count % 2:
        beside = [k for k in range(width) if k not in used and (k - 1 in used or k + 1 in used)]
        used.add(int(rng.choice(beside)))
    return _placed(rng, sorted(used))


def _synovial_slices(rng: np.random.Generator, count: int) -> list[int]:
    """``count`` neighbouring slices with edema where cartilage covers the joint, its lower two thirds.

    As in whole examinations of patients: above, where ligaments hold the joint, only long runs reach. So the
    position tells something about the class here, as it does there.
    """
    middle = (ACQUIRED - 1) / 2 + float(rng.normal(SYNOVIAL_MIDDLE, SYNOVIAL_SD))
    lowest = (ACQUIRED - CONTROL_SLICES[1]) // 2
    start = min(max(round(middle - (count - 1) / 2), lowest), ACQUIRED - 1 - lowest - (count - 1))
    return list(range(start, start + count))


def _ages(rng: np.random.Generator, group: Group, count: int) -> list[int]:
    """Ages whose mean and SD lie near the paper's: evenly spaced quantiles of a beta distribution, shuffled."""
    mean, sd, youngest, oldest = AGES[group]
    m, s = (mean - youngest) / (oldest - youngest), sd / (oldest - youngest)
    strength = m * (1 - m) / s**2 - 1
    quantiles = beta.ppf((np.arange(count) + 0.5) / count, m * strength, (1 - m) * strength)
    ages = np.rint(youngest + quantiles * (oldest - youngest)).astype(int)
    return [int(age) for age in rng.permutation(ages)]


def _sexes(rng: np.random.Generator, group: Group, count: int) -> list[Sex]:
    males = round(MALES[group] * count)
    return ["M" if k < males else "F" for k in rng.permutation(count)]
