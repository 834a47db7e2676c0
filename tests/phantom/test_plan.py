"""Who is in the cohort: exact totals, the paper's ages and sexes, no shortcut through the slice position."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from sijstudy.config import StudyConfig
from sijstudy.phantom.plan import ACQUIRED, plan_cohort


def test_the_papers_cohort() -> None:
    subjects = plan_cohort(StudyConfig())
    counts = {g: [len(s.slices) for s in subjects if s.group == g] for g in ("axSpA", "control")}
    assert [len(counts[g]) for g in counts] == [60, 19] and [sum(counts[g]) for g in counts] == [422, 393]
    assert (min(counts["axSpA"]), max(counts["axSpA"])) == (4, 23)
    assert (min(counts["control"]), max(counts["control"])) == (18, 25)
    assert np.median(counts["axSpA"]) < np.mean(counts["axSpA"])  # skewed: many short, few long
    for group, mean, sd, males in (("axSpA", 32.3, 9.8, 43), ("control", 27.1, 11.4, 13)):
        ages = [s.age_years for s in subjects if s.group == group]
        assert abs(np.mean(ages) - mean) < 1 and abs(np.std(ages, ddof=1) - sd) < 1
        assert sum(s.sex == "M" for s in subjects if s.group == group) == males


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_valid_config_is_met_exactly(data: st.DataObject) -> None:
    ill, well = data.draw(st.integers(5, 70)), data.draw(st.integers(5, 40))
    positive = data.draw(st.integers(max(20, 4 * ill), 23 * ill))
    negative = data.draw(st.integers(max(20, 18 * well), 25 * well))
    config = StudyConfig(
        axspa_subjects=ill,
        control_subjects=well,
        positive_slices=positive,
        negative_slices=negative,
        seed=data.draw(st.integers(0, 99)),
    )
    subjects = plan_cohort(config)
    used = {"axSpA": 0, "control": 0}
    for subject in subjects:
        used[subject.group] += len(subject.slices)
        assert len(set(subject.slices)) == len(subject.slices)
        assert subject.slices[0] >= 0 and subject.slices[-1] < ACQUIRED
        assert list(subject.slices) == sorted(subject.slices)
        assert all(last > first for first, last in subject.runs)
    assert used == {"axSpA": positive, "control": negative}


def test_position_tells_nothing_about_the_class() -> None:
    positions: dict[str, list[int]] = {"axSpA": [], "control": []}
    for seed in range(12):
        for subject in plan_cohort(StudyConfig(seed=seed)):
            positions[subject.group] += subject.slices
    shares = [np.bincount(positions[g], minlength=ACQUIRED) / len(positions[g]) for g in ("axSpA", "control")]
    assert abs(shares[0] - shares[1]).sum() / 2 < 0.06  # total variation between the classes


def test_a_subjects_mean_position_tells_nothing_about_its_group() -> None:
    areas = []
    for seed in range(12):
        subjects = plan_cohort(StudyConfig(seed=seed))
        means = [float(np.mean(subject.slices)) for subject in subjects]
        areas.append(roc_auc_score([subject.group == "axSpA" for subject in subjects], means))
    assert 0.45 < np.mean(areas) < 0.55
    assert min(areas) > 0.25 and max(areas) < 0.75  # no single cohort carries the leak by chance: SD of each is 0.08


def test_order_does_not_tell_the_group() -> None:
    groups = [s.group == "axSpA" for s in plan_cohort(StudyConfig())]
    assert 8 < sum(groups[19:38]) < 19  # neither all nor none in any stretch


def test_on_stir_edema_lies_where_cartilage_covers_the_joint() -> None:
    positions: dict[str, list[int]] = {"axSpA": [], "control": []}
    for seed in range(4):
        for subject in plan_cohort(StudyConfig(seed=seed, phantom_contrast="stir")):
            positions[subject.group] += subject.slices
            assert subject.group == "control" or len(subject.runs) == 1
    assert np.median(positions["axSpA"]) < (ACQUIRED - 1) / 2 - 2
    assert abs(np.median(positions["control"]) - (ACQUIRED - 1) / 2) < 1  # controls show the whole pelvis
    assert min(positions["axSpA"]) >= (ACQUIRED - 25) // 2 - 1


def test_whole_examinations_are_of_the_same_people() -> None:
    config = StudyConfig(seed=4)
    selected, whole = plan_cohort(config), plan_cohort(replace(config, slices="whole", inactive_subjects=9))
    for one, other in zip(selected, whole, strict=False):
        assert replace(other, slices=one.slices) == one
        assert other.slices == tuple(range(ACQUIRED))
        assert one.lesions == (one.slices if one.group == "axSpA" else ())
    inactive = whole[len(selected) :]
    assert [s.group for s in inactive] == ["axSpA"] * 9 and not any(s.lesions or s.runs for s in inactive)
    assert len({s.subject_id for s in whole}) == len(whole) == len({s.number for s in whole})
    assert plan_cohort(replace(config, inactive_subjects=9)) == selected  # no selection holds them
