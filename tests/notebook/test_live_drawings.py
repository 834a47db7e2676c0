import io

import numpy as np
import pytest
from panel_samples import BOTH, CONFIG
from PIL import Image

from sijstudy.notebook.live_drawings import CourseDrawing, RocDrawing, SubjectDrawing, patch_png, slice_png
from sijstudy.notebook.panel_state import Settings, outcome
from sijstudy.records import Box

SETTINGS = (Settings(3, 0.5, 0.5), Settings(7, 0.3, 0.8))
OUTCOMES = [outcome(BOTH, settings, CONFIG) for settings in SETTINGS]


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def course(now):
    return now.courses[(now.courses["fold"] == 1) & (now.courses["subject_id"] == "S1")]


def taken(now):
    drawing = CourseDrawing()
    drawing.take(course(now), "S1, fold 1")
    return drawing


DRAWINGS = {
    "course": (
        lambda: taken(OUTCOMES[0]),
        lambda drawing, k: drawing.show(course(OUTCOMES[k]), SETTINGS[k].slice_threshold, SETTINGS[k].median_size),
    ),
    "roc": (lambda: RocDrawing([1, 2, 3]), lambda drawing, k: drawing.show(OUTCOMES[k].rocs, OUTCOMES[k].points)),
    "subjects": (
        lambda: SubjectDrawing([1, 2, 3]),
        lambda drawing, k: drawing.show(OUTCOMES[k].subjects, SETTINGS[k].subject_threshold),
    ),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_moved_drawing_is_as_if_drawn_anew(name):
    make, show = DRAWINGS[name]
    moved = make()
    first, second, again = (show(moved, k) for k in (0, 1, 0))
    assert first != second
    assert first == again
    assert second == show(make(), 1)


def test_another_subject_may_be_taken():
    drawing, now = taken(OUTCOMES[0]), OUTCOMES[0].courses
    first = drawing.show(course(OUTCOMES[0]), 0.5, 3)
    other = now[(now["fold"] == 1) & (now["subject_id"] == "S5")]
    drawing.take(other, "S5, fold 1")
    assert drawing.show(other, 0.5, 3) != first
    drawing.take(course(OUTCOMES[0]), "S1, fold 1")
    assert drawing.show(course(OUTCOMES[0]), 0.5, 3) == first


def test_crosses_mark_the_misclassified_slices():
    drawing = taken(OUTCOMES[0])
    drawing.show(course(OUTCOMES[0]), 0.5, 3)
    rows = course(OUTCOMES[0])
    wrong = rows[rows["filtered_decision"] != rows["label"]]
    assert drawing.wrong[1].get_xdata().tolist() == wrong["slice_index"].tolist()


def test_a_slice_carries_its_boxes_and_its_outline():
    edema = np.zeros((280, 280), dtype=bool)
    edema[100:120, 100:120] = True
    plain = pixels(slice_png(np.zeros((280, 280), dtype=np.float32), [], None))
    marked = pixels(
        slice_png(np.zeros((280, 280), dtype=np.float32), [(Box(10, 20, 50, 60), "#56B4E9"), (None, "#fff")], edema)
    )
    assert plain.shape == (560, 560, 3)
    assert marked[40, 60].tolist() == [0x56, 0xB4, 0xE9]
    assert marked[200, 220].tolist() == [0xE6, 0x9F, 0x00]
    assert marked[220, 220].tolist() == plain[220, 220].tolist()


def test_a_map_reddens_where_it_is_high():
    patch = np.tile(np.linspace(0, 255, 64, dtype=np.float32), (64, 1))
    cam = np.zeros((64, 64), dtype=np.float32)
    cam[30:34, 30:34] = 1
    plain, heated = pixels(patch_png(patch, None)), pixels(patch_png(patch, None, cam))
    middle = 32 * plain.shape[0] // 64
    assert plain[middle, middle].std() == 0
    assert int(heated[middle, middle, 0]) > int(heated[middle, middle, 2]) + 20
