"""Figures show the data they are given; display escapes what comes from data."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sijstudy.figures import paper
from sijstudy.metrics import METRIC_NAMES, METRICS, roc
from sijstudy.notebook import display
from sijstudy.records import Box, IliumBoxes
from sijstudy.roi import roi_boxes, roi_patch
from sijstudy.study.embedded import png_width

IMAGE = np.random.default_rng(0).uniform(0, 255, (64, 64)).astype(np.float32)
MASK = np.zeros((64, 64), bool)
MASK[20:30, 20:30] = True
COURSE = pd.DataFrame(
    {"slice_index": range(5), "label": 1, "score": [0.9, 0.2, 0.8, 0.9, 0.7], "decision": [1, 0, 1, 1, 1],
     "filtered_decision": 1}
)  # fmt: skip


def drawn(figure):
    """Render, and give the axes back."""
    figure.canvas.draw()
    return figure.axes


def test_roi_interpretations_draw_both_ilia_and_both_rois():
    ilium = IliumBoxes(left=Box(40, 10, 60, 50), right=Box(4, 12, 24, 52))
    rois = roi_boxes(ilium, IMAGE.shape, reading="centre_inward", factor=0.8, height="extend")
    axes = drawn(paper.roi_interpretations(IMAGE, ilium, {"centre_inward": (rois, roi_patch(IMAGE, rois, 32))}))
    assert [axis.get_title() for axis in axes] == ["centre_inward", "its ROI patch"]
    left_edges = sorted({round(patch.get_x() + 0.5, 3) for patch in axes[0].patches})
    assert left_edges == [4, 14, 34, 40]


def test_selection_curves_are_in_percent():
    history = pd.DataFrame({"epoch": [1, 2], "train_accuracy": [0.5, 0.75], "held_out_accuracy": [0.5, 0.6]})
    axes = drawn(paper.selection_curves({"resnet50": history, "resnet18": history}))
    assert [axis.get_title() for axis in axes] == ["resnet50", "resnet18"]
    assert axes[0].lines[0].get_ydata().tolist() == [50, 75]
    assert axes[0].lines[1].get_ydata().tolist() == [50, 60]
    assert all(tick == int(tick) for tick in axes[0].get_xticks())


def test_course_marks_the_misclassified_slices():
    axes = drawn(paper.slice_courses({"axSpA p1": COURSE}, 0.5, 3))
    before, after = axes[0], axes[1]
    assert before.collections[0].get_offsets().tolist() == [[1, 0]]
    assert len(after.collections[0].get_offsets()) == 0


def test_panels_beside_each_other_have_one_scale():
    longer = COURSE.loc[COURSE.index.repeat(7)].assign(slice_index=range(7 * len(COURSE)))
    axes = drawn(paper.slice_courses({"axSpA p1": COURSE, "control p2": longer}, 0.5, 3))
    assert len({axis.get_xlim() for axis in axes}) == 1
    assert all(tick == int(tick) for tick in axes[0].get_xticks())
    low, high = (
        pd.DataFrame(
            {"mean": at, "low": at - 5, "high": at + 4, "paper_mean": at, "paper_sd": 2.0}, index=list(METRICS)
        )
        for at in (55.0, 93.0)
    )
    axes = drawn(paper.metrics_beside_paper({"original": low, "ROI patch": high}))
    assert len({axis.get_xlim() for axis in axes[:2]}) == 1
    assert axes[0].get_xlim()[0] < 50 and axes[0].get_xlim()[1] > 97


def test_roc_curves_name_our_auc_and_the_papers():
    curve = roc(np.array([0, 1, 0, 1]), np.array([0.1, 0.9, 0.4, 0.3]))
    (axis,) = drawn(paper.roc_curves({1: curve, 2: curve}, (0.98,)))
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    assert labels == ["fold 1: AUC 0.750 (paper 0.98)", "fold 2: AUC 0.750"]


def test_metrics_stand_beside_the_papers():
    table = pd.DataFrame(
        {"mean": 90.0, "low": 85.0, "high": 94.0, "paper_mean": 93.0, "paper_sd": 2.0}, index=list(METRICS)
    )
    axis = drawn(paper.metrics_beside_paper({"ROI patch": table}))[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == [METRIC_NAMES[name] for name in METRICS]
    assert axis.lines[0].get_xdata().tolist() == [90.0] * 6


def test_misclassified_subjects_are_ringed():
    subjects = pd.DataFrame(
        {"fold": [1, 1], "group": ["axSpA", "control"], "label": [1, 0], "score": [0.2, 0.1], "decision": [0, 0]}
    )
    (axis,) = drawn(paper.subject_scores(subjects, 0.5))
    *points, ring = (c.get_offsets() for c in axis.collections if len(c.get_offsets()))
    np.testing.assert_allclose(sorted(np.concatenate(points)[:, 1]), [0.1, 0.2])
    np.testing.assert_allclose(ring, [next(point for point in np.concatenate(points) if point[1] == 0.2)])


@pytest.mark.parametrize(
    "figure",
    [
        lambda: paper.annotated_slices([("a", IMAGE, {"edema": MASK, "sacrum": ~MASK}), ("b", IMAGE, {})]),
        lambda: paper.boxed_slices([("a", IMAGE, IliumBoxes(Box(20, 4, 30, 20), None)), ("b", IMAGE, None)], columns=2),
        lambda: paper.noisy_versions({"no noise": IMAGE, "noise": IMAGE}),
        lambda: paper.cam_gallery([("s", IMAGE, MASK, IMAGE / 255)]),
        lambda: paper.demographics(
            pd.DataFrame({"subject_id": ["a", "b"], "group": ["axSpA", "control"], "age_years": [30, 40]}),
            pd.DataFrame({"subject_id": ["a", "a", "b"]}),
        ),
    ],
)
def test_figures_of_images_render(figure):
    assert all(axis.has_data() for axis in drawn(figure()))


def test_demographics_count_every_subject_and_say_what_is_not_known():
    ages = pd.array([None] * 3, "Int64")
    subjects = pd.DataFrame({"subject_id": list("abc"), "group": ["axSpA", "axSpA", "control"], "age_years": ages})
    age, slices = drawn(paper.demographics(subjects, pd.DataFrame({"subject_id": ["a", "a", "b", "c"]})))
    assert [text.get_text() for text in age.texts] == ["not known"]
    assert sum(bar.get_height() for bar in slices.patches) == 3
    assert [text.get_text() for text in slices.get_legend().get_texts()] == ["axSpA", "control"]


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would be given to show: (positional arguments, options) of each call."""
    calls = []
    monkeypatch.setattr(display, "display", lambda *content, **options: calls.append((content[0], options)))
    return calls


def test_figure_is_shown_with_alternative_text_and_caption(shown):
    display.show_figure(paper.noisy_versions({"a": IMAGE}), "A <caption>", "what is to be seen")
    (image, options), (caption, _) = shown
    assert options["metadata"]["image/png"]["alt"] == "what is to be seen"
    assert image["image/png"].startswith(b"\x89PNG")
    assert "A &lt;caption&gt;" in caption.data


def test_text_from_data_is_escaped(shown):
    frame = pd.DataFrame({"score": [0.5]}, index=["<script>alert(1)</script>"])
    display.show_table(frame, "caption")
    display.show_answer("<b>")
    display.show_provenance({"cohort": "<img src=x>"})
    pages = "".join(content.data for content, _ in shown)
    assert "<script>" not in pages
    assert "<img" not in pages
    assert "&lt;script&gt;" in pages


def _pixels(content):
    with Image.open(io.BytesIO(content)) as image:
        return image.size


def test_a_compact_figure_has_fewer_bytes_and_is_as_sharp(shown):
    gallery = paper.cam_gallery([("s", IMAGE, MASK, IMAGE / 255)] * 4)
    display.show_figure(gallery, "c", "a")
    display.show_figure(gallery, "c", "a", compact=True)
    full, small = (shown[place][0]["image/png"] for place in (0, 2))
    assert len(small) < 0.7 * len(full)
    widths = [png_width(image) for image in (full, small)]
    assert widths[0] == pytest.approx(widths[1], abs=2)
    assert _pixels(full) == _pixels(small)


def test_noise_is_drawn_on_the_scale_of_image_files():
    """Not stretched panel by panel: what lies beyond 255 is white, as in Fig. 3b."""
    figure = paper.noisy_versions({"none": IMAGE, "rate: much": IMAGE + 400})
    assert [axis.get_images()[0].get_clim() for axis in figure.axes] == [(0, 255)] * 2
    np.testing.assert_array_equal(figure.axes[1].get_images()[0].get_array(), IMAGE + 400)
