"""The live panels for students: widgets whose every move is answered by ``panel_state`` or ``slice_viewer``.

No ``interact`` and no Output widget: kernels have died when a notebook drove many of those without a browser.
Each move sets the text of HTML widgets; without a browser nothing moves, and nothing is loaded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from IPython.display import display
from ipywidgets import HTML, Box, Button, Checkbox, Dropdown, FloatSlider, Layout, SelectionSlider, Tab, VBox, Widget

from sijstudy.aggregation import RULES
from sijstudy.analysis.sensitivity import filter_sizes
from sijstudy.analysis.slice_courses import telling_courses
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.figures.colours import SKY
from sijstudy.notebook import live_drawings, live_markup
from sijstudy.notebook.panel_state import Settings, outcome
from sijstudy.notebook.slice_viewer import FACTORS, Choice, Viewer
from sijstudy.notebook.workspace import Workspace
from sijstudy.records import ARMS, GROUPS, Arm

SIDE_BY_SIDE = {"flex_flow": "row wrap", "grid_gap": "1rem"}
WIDE = {"width": "98%", "max_width": "36rem"}
LABELS = {"description_width": "8rem"}
TITLES = ("Move the thresholds", "Look at a slice")


def show_live(work: Workspace) -> None:
    """Show both panels below a notebook's cell."""
    display(live_panels(work))


def live_panels(work: Workspace) -> VBox:
    """Both panels as tabs over a finished study. The second reads no slice and no network before it is opened.

    On kept predictions the second says that it cannot.
    """
    thresholds = threshold_panel(_predictions(work), work.config)
    if work.lacks:
        return _styled(Tab([thresholds, HTML(live_markup.message(work.lacks))], titles=TITLES))
    slices = SlicePanel(work)
    tabs = Tab([thresholds, slices.box], titles=TITLES)
    tabs.observe(lambda change: slices.open() if change["new"] == 1 else None, "selected_index")
    return _styled(tabs)


def _styled(content: Widget) -> VBox:
    """``content`` in the look of the panels."""
    panels = VBox([HTML(live_markup.style()), content])
    panels.add_class("sij")
    return panels


def _predictions(work: Workspace) -> dict[Arm, pd.DataFrame]:
    return {arm: work.folder.load_table(f"predictions_{arm}") for arm in ARMS}


def threshold_panel(predictions: Mapping[Arm, pd.DataFrame], config: StudyConfig) -> VBox:
    """Filter size and thresholds over the test predictions of both arms."""
    return ThresholdPanel(predictions, config).box


class ThresholdPanel:
    """The first panel: filter size, slice threshold, subject threshold -> Figures 6 and 7, Tables 2 and 3."""

    def __init__(self, predictions: Mapping[Arm, pd.DataFrame], config: StudyConfig) -> None:
        self.predictions, self.config = predictions, config
        self.study = outcome(predictions, Settings.of(config), config)
        self._make_controls()
        folds = sorted(self.study.rocs)
        self.roc, self.people = live_drawings.RocDrawing(folds), live_drawings.SubjectDrawing(folds)
        self.courses = {control: live_drawings.CourseDrawing() for control in self.chosen}
        self.drawn: dict[Dropdown, tuple[int, str]] = {}
        self.verdict, self.tables, self.time = HTML(), HTML(), HTML()
        self.pictures = [
            HTML(layout=Layout(flex="1 1 15.5rem", max_width="28rem", min_width="0"))
            for _ in range(len(self.chosen) + 2)
        ]
        self.box = VBox([
            self.size, self.slice_threshold, self.subject_threshold,
            Box([*self.chosen, self.reset], layout=Layout(flex_flow="row wrap")),
            self.verdict, Box(self.pictures, layout=SIDE_BY_SIDE), self.tables, self.time,
        ])  # fmt: skip
        self.update()

    def _make_controls(self) -> None:
        own = Settings.of(self.config)
        sizes = filter_sizes(self.config)
        options = [("1 (off)" if size == 1 else str(size), size) for size in sizes]
        self.size = _control(SelectionSlider, "Filter size, slices", own.median_size, options=options)
        fraction = {"min": 0.0, "max": 1.0, "step": 0.01}
        self.slice_threshold = _control(FloatSlider, "Slice threshold", own.slice_threshold, **fraction)
        self.subject_threshold = _control(FloatSlider, "Subject threshold", own.subject_threshold, **fraction)
        self.subject_threshold.disabled = RULES[self.config.subject_rule].threshold is not None
        self.chosen = [self._subjects(group, rows) for group, rows in self._telling().items()]
        self.reset = Button(description="Back to the study's settings", layout=Layout(width="15rem"))
        for control in (self.size, self.slice_threshold, self.subject_threshold, *self.chosen):
            control.observe(lambda _: self.update(), "value")
        self.reset.on_click(lambda _: self.back())

    def _telling(self) -> dict[str, tuple[int, str]]:
        """Of each group the (fold, subject) that Fig. 6 of the notebook shows."""
        rows = [course.iloc[0] for course in telling_courses(self.study.courses).values()]
        shown = {row["group"]: (int(row["fold"]), str(row["subject_id"])) for row in rows}
        return {group: shown[group] for group in GROUPS if group in shown}

    def _subjects(self, group: str, shown: tuple[int, str]) -> Dropdown:
        own = self.study.subjects[self.study.subjects["group"] == group]
        keys = [(int(row.fold), str(row.subject_id)) for row in own.itertuples()]
        options = [(f"{subject}, fold {fold}", (fold, subject)) for fold, subject in keys]
        return _control(Dropdown, f"Drawn {group}", shown, options=options)

    def _drawing(self, control: Dropdown) -> live_drawings.CourseDrawing:
        """The control's drawing, turned to the subject it says."""
        fold, subject = control.value
        if self.drawn.get(control) != control.value:
            self.courses[control].take(_rows(self.study.courses, fold, subject), f"{subject}, fold {fold}")
            self.drawn[control] = control.value
        return self.courses[control]

    def settings(self) -> Settings:
        """What the sliders say."""
        return Settings(self.size.value, self.slice_threshold.value, self.subject_threshold.value)

    def back(self) -> None:
        """Put the sliders where the study had them."""
        own = Settings.of(self.config)
        self.size.value = own.median_size
        self.slice_threshold.value, self.subject_threshold.value = own.slice_threshold, own.subject_threshold

    def update(self) -> None:
        """Answer a move: compute, draw, show."""
        began = time.perf_counter()
        settings = self.settings()
        now = outcome(self.predictions, settings, self.config)
        self.verdict.value = live_markup.verdict(now, self.study)
        for place, control in zip(self.pictures, self.chosen, strict=False):
            fold, subject = control.value
            course = _rows(now.courses, fold, subject)
            shown = self._drawing(control).show(course, settings.slice_threshold, settings.median_size)
            place.value = live_markup.picture(
                shown, f"Slice results of subject {subject} before and after the median filter."
            )
        self.pictures[-2].value = live_markup.picture(
            self.roc.show(now.rocs, now.points),
            "ROC curve of every fold after the filter, a dot where the slice threshold lies.",
        )
        self.pictures[-1].value = live_markup.picture(
            self.people.show(now.subjects, settings.limit(self.config)),
            "Score of every test subject by fold with the subject threshold; wrong diagnoses are ringed.",
        )
        self.tables.value = live_markup.confusions(now.confusions) + live_markup.metric_table(now.tables)
        state = f"{self.size.label} {settings.slice_threshold:.2f} {settings.subject_threshold:.2f}"
        self.time.value = live_markup.answered(time.perf_counter() - began, state)


class SlicePanel:
    """The second panel: a subject's slice, its ROI boxes and patch, and Grad-CAM of a network new to the subject."""

    def __init__(self, work: Workspace) -> None:
        self.work, self.viewer, self.ready, self.taking = work, Viewer(work), False, False
        factor = work.config.roi_factor
        limits = {"min": min(FACTORS[0], factor), "max": max(FACTORS[1], factor), "step": 0.05}
        self.subject = _control(Dropdown, "Subject", None, options=[])
        self.position = _control(SelectionSlider, "Slice number", 0, options=[("–", 0)])
        self.factor = _control(FloatSlider, "ROI factor", factor, **limits)
        self.noise = Checkbox(value=True, description="Noise, as in training and test", indent=False)
        self.verdict, self.time = (
            HTML(live_markup.message("Opening the tab loads the slices and the networks.")),
            HTML(),
        )
        self.pictures = [HTML(layout=Layout(flex="1 1 16rem", max_width="28rem", min_width="0")) for _ in range(3)]
        self.box = VBox([
            self.subject, self.position, self.factor, self.noise, self.verdict,
            Box(self.pictures, layout=SIDE_BY_SIDE), self.time,
        ])  # fmt: skip

    def open(self) -> None:
        """Load what the panel needs, once, and show the first slice."""
        if self.ready:
            return
        self.verdict.value = live_markup.message("Loading the slices and the networks, a few seconds ...")
        try:
            groups, items = self.work.groups, self.viewer.items
        except StudyError as error:
            self.verdict.value = live_markup.message(str(error))
            return
        fold_of = self.viewer.fold_of
        tested = sorted(items, key=lambda subject: (fold_of(subject) is None, groups[subject] == "control", subject))
        self.subject.options = [
            (f"{subject} ({groups[subject]}, {len(items[subject])} slices)", subject) for subject in tested
        ]
        self.subject.value, self.ready = tested[0], True
        self._take_subject()
        self.subject.observe(lambda _: self._take_subject(), "value")
        for control in (self.position, self.factor, self.noise):
            control.observe(lambda _: self.update(), "value")

    def _take_subject(self) -> None:
        """Start at the middle slice of the chosen subject."""
        self.taking = True
        items = self.viewer.items[self.subject.value]
        self.position.options = [(str(item.index), place) for place, item in enumerate(items)]
        self.position.value = len(items) // 2
        self.taking = False
        self.update()

    def choice(self) -> Choice:
        """What the controls say."""
        return Choice(self.subject.value, self.position.value, self.noise.value, round(self.factor.value, 4))

    def update(self) -> None:
        """Answer a move: read, predict, explain, show."""
        if self.taking:  # the new subject's slices are being set; one picture follows
            return
        began, choice = time.perf_counter(), self.choice()
        try:
            sight = self.viewer.sight(choice)
        except StudyError as error:
            self.verdict.value = live_markup.message(str(error))
            return
        self.verdict.value = live_markup.sight_verdict(sight, choice, self.work.config)
        boxes = [(sight.rois.image_left, SKY), (sight.rois.image_right, SKY)]
        name = f"slice {sight.item.index} of {choice.subject_id}"
        factor = f"{choice.factor:.2f}"
        outlined = "; orange: edema as outlined" if sight.edema is not None else ""
        shown = [
            (
                live_drawings.slice_png(sight.image, boxes, sight.edema),
                f"{name}; blue: ROI boxes, {factor} ilium widths inward{outlined}",
            ),
            (
                live_drawings.patch_png(sight.patch, sight.edema_patch),
                f"ROI patch of {name}: the network's input{outlined}",
            ),
        ]
        if sight.cam is not None:
            heat = live_drawings.patch_png(sight.patch, sight.edema_patch, sight.cam)
            says = "red speaks most for edema" if sight.cam.any() else "nothing speaks for edema"
            shown.append((heat, f"Grad-CAM: {says}{outlined.replace('orange', 'white')}"))
        for place, (png, caption) in zip(self.pictures, shown, strict=False):
            place.value = live_markup.picture(png, caption, caption[0].upper() + caption[1:] + ".")
        for place in self.pictures[len(shown) :]:
            place.value = ""
        state = f"{self.position.label} {choice.factor:.2f}"
        self.time.value = live_markup.answered(time.perf_counter() - began, state if choice.noise else f"{state} quiet")


def _control(kind: Callable[..., Any], description: str, value: Any, **options: Any) -> Any:
    return kind(value=value, description=description, layout=Layout(**WIDE), style=LABELS, **options)


def _rows(courses: pd.DataFrame, fold: int, subject: str) -> pd.DataFrame:
    return courses[(courses["fold"] == fold) & (courses["subject_id"] == subject)]
