"""Which subjects and slices the failure gallery shows, and that each map is of the slice it stands under."""

import pandas as pd
import pytest

from sijstudy.analysis import failures, slice_courses
from sijstudy.config import StudyConfig
from sijstudy.figures import failures as figures_failures
from sijstudy.gradcam import cam_maps
from sijstudy.training.inputs import noisy_patches
from sijstudy.training.scoring import load_model

CONFIG = StudyConfig()
SUBJECTS = pd.DataFrame(
    {
        "fold": [1, 1, 1, 2],
        "subject_id": ["a", "b", "c", "a"],
        "group": ["axSpA", "axSpA", "control", "axSpA"],
        "label": [1, 1, 0, 1],
        "score": [0.45, 0.9, 0.4, 0.1],
    }
)


def decided(table):
    return table.assign(decision=(table["score"] >= 0.5).astype(int))


def test_every_misclassified_subject_is_shown_the_furthest_off_first():
    chosen = failures.subjects_to_show(decided(SUBJECTS), CONFIG)
    assert list(zip(chosen["subject_id"], chosen["fold"], strict=True)) == [("a", 2), ("a", 1)]
    assert chosen["margin"].tolist() == pytest.approx([0.4, 0.05])


def test_without_an_error_the_nearest_of_each_group_are_shown():
    right = decided(SUBJECTS.assign(score=[0.6, 0.9, 0.4, 0.95]))
    chosen = failures.subjects_to_show(right, CONFIG)
    assert list(zip(chosen["subject_id"], chosen["group"], strict=True)) == [("a", "axSpA"), ("c", "control")]


def course(filtered, decision=None):
    return pd.DataFrame(
        {
            "slice_index": range(len(filtered)),
            "label": 1,
            "filtered_decision": filtered,
            "decision": decision or filtered,
        }
    )


@pytest.mark.parametrize(
    ("rows", "count", "shown"),
    [
        (course([1, 1, 1, 0, 1, 1, 1]), 3, [2, 3, 4]),  # an error with its neighbours
        (course([0] * 9), 3, [0, 4, 8]),  # more errors than places: spread
        (course([1, 1, 1, 1], [1, 1, 1, 0]), 2, [2, 3]),  # mended by the filter
        (course([1, 1, 1, 1, 1]), 1, [2]),  # none: the middle
        (course([0, 1]), 8, [0, 1]),  # fewer slices than places
    ],
)
def test_slices_around_the_errors_are_shown_in_order(rows, count, shown):
    assert failures.slices_to_show(rows, count)["slice_index"].tolist() == shown


@pytest.fixture(scope="module")
def trained(sample_work):
    """Folds trained for one epoch, their patches, courses and subjects."""
    runs = sample_work.train_folds(("roi",), sample_work.folds)["roi"]
    courses = slice_courses.add_courses(slice_courses.collect_predictions(runs, sample_work.groups), sample_work.config)
    return runs, sample_work.patches("roi"), courses, slice_courses.subject_predictions(courses, sample_work.config)


def test_a_case_shows_the_networks_own_map_of_each_slice(sample_work, trained):
    runs, patches, courses, subjects = trained
    config, manifest = sample_work.config, sample_work.manifest
    chosen = failures.subjects_to_show(subjects.assign(decision=1 - subjects["label"]), config)
    cases = failures.subject_cases(chosen, courses, runs, patches, manifest, config)
    assert [case.title.split(",")[0] for case in cases] == chosen["subject_id"].tolist()
    noisy = noisy_patches(patches, config, "test")
    for case in cases:
        assert len(case.patches) == len(case.masks) == len(case.maps) == len(case.shown)
        row = case.shown.iloc[-1]
        place = patches.slices.query("subject_id == @row.subject_id and slice_index == @row.slice_index").index[0]
        assert (case.patches[-1] == noisy[place, 0].numpy()).all()
        alone = cam_maps(load_model(runs[row["fold"]]), noisy[[place]])
        assert case.maps[-1] == pytest.approx(alone[0], abs=1e-4)
        assert case.masks.any(axis=(1, 2)).tolist() == (case.shown["label"] == 1).tolist()


def test_false_alarms_are_control_slices_called_positive():
    rows = pd.DataFrame(
        {"group": ["control"] * 4 + ["axSpA"], "label": [0, 0, 0, 1, 0], "decision": [1, 0, 0, 1, 1],
         "filtered_decision": [0, 1, 0, 1, 1]}
    )  # fmt: skip
    assert failures.false_alarms(rows).index.tolist() == [0, 1]


def test_a_case_is_drawn_with_the_wrong_slices_in_red(sample_work, trained):
    runs, patches, courses, subjects = trained
    config = sample_work.config
    chosen = failures.subjects_to_show(subjects.assign(decision=1 - subjects["label"]), config)
    (case, *_) = failures.subject_cases(chosen.head(1), courses, runs, patches, sample_work.manifest, config)
    figure = figures_failures.failure_case(case, 0.5)
    figure.canvas.draw()
    titles = [axis.title for axis in figure.axes if axis.get_title().startswith("slice")]
    assert len(titles) == len(case.shown)
    wrong = (case.shown["filtered_decision"] != case.shown["label"]).tolist()
    assert [title.get_color() != "black" for title in titles] == wrong
    assert figure.get_suptitle() == case.title
