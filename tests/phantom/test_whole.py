"""Whole examinations: nothing but edema tells an active subject from an inactive one or a control, nor their slices."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from sijstudy.config import StudyConfig
from sijstudy.phantom.generate import render_subject, subject_protocol
from sijstudy.phantom.plan import ACQUIRED, PlannedSubject, plan_cohort
from sijstudy.phantom.render import Rendered
from sijstudy.phantom.write import draw_series, mr_slice

PLACES = tuple(range(0, ACQUIRED, 3))
EDEMA_CAN_BE = range(9, 28)  # every third active subject or so has edema at each of these places
CONTRASTS = ("gd_fs_t1", "stir")


def config_of(contrast: str, seed: int = 1) -> StudyConfig:
    return StudyConfig(seed=seed, slices="whole", inactive_subjects=9, matrix_size=64, phantom_contrast=contrast)


def active_of(contrast: str) -> PlannedSubject:
    return next(subject for subject in plan_cohort(config_of(contrast)) if subject.lesions)


def drawn(subject: PlannedSubject, contrast: str) -> list[Rendered]:
    return render_subject(replace(subject, slices=PLACES), 1, subject_protocol(subject, config_of(contrast)))


@pytest.fixture(scope="module", params=CONTRASTS)
def twins(request: pytest.FixtureRequest) -> list[tuple[Rendered, Rendered, Rendered]]:
    """Every third slice of one person: ill with edema, ill without, healthy."""
    active = active_of(request.param)
    inactive = replace(active, lesions=())
    people = (active, inactive, replace(inactive, group="control"))
    return list(zip(*(drawn(person, request.param) for person in people), strict=True))


def test_an_inactive_subject_is_drawn_as_a_control(twins: list[tuple[Rendered, Rendered, Rendered]]) -> None:
    for _, inactive, control in twins:
        assert (inactive.pixels == control.pixels).all() and (inactive.masks == control.masks).all()
        assert not inactive.masks[..., 3].any() and inactive.area == 0


def test_a_patients_slices_without_edema_are_a_controls(twins: list[tuple[Rendered, Rendered, Rendered]]) -> None:
    """Far from the lesions bit for bit; beside them what is left of edema changes the bones by less than 1%."""
    without = [(active, control) for active, _, control in twins if not active.masks[..., 3].any()]
    assert len(without) >= 6
    same = [(active.pixels == control.pixels).all() for active, control in without]
    assert np.mean(same) >= 0.5
    for active, control in without:
        assert (active.masks == control.masks).all()
        bone = control.masks[..., :3].any(axis=-1)
        for measure in (np.mean, np.std):
            assert measure(active.pixels[bone]) == pytest.approx(measure(control.pixels[bone]), rel=0.01)


def test_edema_leaves_the_bones_shape_and_the_air_alone(twins: list[tuple[Rendered, Rendered, Rendered]]) -> None:
    """Size, pose and the noise outside the body are a control's."""
    with_edema = [(active, control) for active, _, control in twins if active.masks[..., 3].any()]
    assert len(with_edema) >= 2
    for active, control in with_edema:
        assert (active.masks[..., :3] == control.masks[..., :3]).all()
        edema = active.masks[..., 3]
        assert active.pixels[edema].mean() > 1.1 * control.pixels[edema].mean()
        corners = np.ix_((*range(8), *range(56, 64)), (*range(8), *range(56, 64)))
        assert np.abs(active.pixels[corners].astype(int) - control.pixels[corners]).max() <= 2  # ringing of STIR


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_tags_are_of_the_person_not_of_the_disease(contrast: str) -> None:
    """Protocol, table position, tilt, numbering; and what a file tells of its pixels."""
    config, active = replace(config_of(contrast), phantom_randomised=True), active_of(contrast)
    pixels = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    files = []
    for person in (active, replace(active, lesions=()), replace(active, group="control", lesions=())):
        series = draw_series(person, 1, subject_protocol(person, config), np.random.default_rng((1, 1, person.number)))
        files.append([mr_slice(series, place, pixels) for place in PLACES])
    assert files[0] == files[1] == files[2]


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_every_subject_brings_the_same_places(contrast: str) -> None:
    subjects = plan_cohort(config_of(contrast))
    assert {subject.slices for subject in subjects} == {tuple(range(ACQUIRED))}
    kinds = {(subject.group, bool(subject.lesions)) for subject in subjects}
    assert kinds == {("axSpA", True), ("axSpA", False), ("control", False)}


def shares(seeds: range) -> np.ndarray:
    """Of the active subjects, how many have a lesion at each place."""
    counts = [np.isin(np.arange(ACQUIRED), s.lesions) for s in actives(seeds)]
    return np.mean(counts, axis=0)


def actives(seeds: range) -> list[PlannedSubject]:
    return [s for seed in seeds for s in plan_cohort(config_of("gd_fs_t1", seed)) if s.lesions]


def test_the_ends_of_the_stack_hold_no_lesion() -> None:
    """As in patients, whose joints end before the stack does: place tells that much, and may."""
    share = shares(range(12))
    assert share[:3].max() == share[-3:].max() == 0
    assert share[EDEMA_CAN_BE].min() > 0.2 and share[EDEMA_CAN_BE].max() < 0.45


def test_where_edema_can_be_place_tells_little() -> None:
    """Neither up or down, nor from the middle outwards, nor by what other cohorts show at each place."""
    known = shares(range(12, 24))
    values: dict[str, list[float]] = defaultdict(list)
    labels: list[bool] = []
    for subject in actives(range(12)):
        for place in EDEMA_CAN_BE:
            labels.append(place in subject.lesions)
            values["height"].append(place)
            values["from the middle"].append(abs(place - ACQUIRED // 2))
            values["share at the place"].append(known[place])
    assert abs(roc_auc_score(labels, values["height"]) - 0.5) < 0.03
    assert abs(roc_auc_score(labels, values["from the middle"]) - 0.5) < 0.05
    assert roc_auc_score(labels, values["share at the place"]) < 0.56


def test_the_middle_of_a_subjects_edema_lies_in_the_middle_of_the_stack() -> None:
    means = [float(np.mean(subject.lesions)) for subject in actives(range(12))]
    assert abs(np.mean(means) - ACQUIRED // 2) < 0.3
