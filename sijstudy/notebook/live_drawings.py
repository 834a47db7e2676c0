"""Pictures of the live panels as PNG: drawn once; then only what moves is painted anew, to answer at once."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw
from scipy.ndimage import binary_erosion

from sijstudy.figures.colours import BLUE, GREY, ORANGE, SMALL, VERMILION
from sijstudy.figures.overlays import COLOURS, grey_range, opacity
from sijstudy.figures.plain import plain_style
from sijstudy.metrics import Roc
from sijstudy.records import Box

Array = np.ndarray[Any, Any]

DOTS_PER_INCH = 160
SIZE = (3.6, 3.4)  # inches; four stand side by side on a wide screen
SIDE = 560  # pixels, least side of a slice's picture
LEGEND: dict[str, Any] = {
    "loc": "outside lower center", "frameon": False, "fontsize": 9, "columnspacing": 0.9, "handlelength": 1.4,
    "handletextpad": 0.4, "borderpad": 0.1,
}  # fmt: skip


class Drawing:
    """A figure whose ``moving`` artists change from picture to picture, over a ground that is drawn once."""

    def __init__(self, figure: Figure, moving: Sequence[Artist]) -> None:
        self.canvas, self.moving = FigureCanvasAgg(figure), tuple(moving)
        figure.set_dpi(DOTS_PER_INCH)
        for artist in self.moving:
            artist.set_animated(True)  # left out of the ground
        self.draw_ground()
        figure.set_layout_engine("none")

    @plain_style()
    def draw_ground(self) -> None:
        """Paint what does not move, anew."""
        self.canvas.draw()
        self.ground = self.canvas.copy_from_bbox(self.canvas.figure.bbox)

    def png(self) -> bytes:
        """The figure as it stands now."""
        self.canvas.restore_region(self.ground)
        for artist in self.moving:
            self.canvas.figure.draw_artist(artist)
        return png(np.asarray(self.canvas.buffer_rgba())[..., :3])


class CourseDrawing(Drawing):
    """Fig. 6 of one subject: slice results above before, below after the median filter."""

    @plain_style()
    def __init__(self) -> None:
        figure = Figure(figsize=SIZE, layout="constrained")
        self.above, self.below = figure.subplots(2, 1, sharex=True)
        (self.score,) = self.above.plot([], [], color=GREY, linewidth=0.9, label="score")
        self.title = self.above.set_title("subject, before the filter", fontsize=SMALL)
        self.threshold = self.above.axhline(0.5, color=GREY, linestyle=":", linewidth=1.2)
        self.steps = [_steps(axis) for axis in (self.above, self.below)]
        self.wrong = [_crosses(axis) for axis in (self.above, self.below)]
        self.caption = self.below.set_title("after the filter, median of 3 slices", fontsize=SMALL)
        for axis in (self.above, self.below):
            axis.set(ylim=(-0.08, 1.08), yticks=[0, 1], yticklabels=["negative", "positive"])
        self.below.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
        self.below.set_xlabel("slice, lower to upper pelvis", fontsize=SMALL)
        handles, labels = self.above.get_legend_handles_labels()
        figure.legend(handles, labels, **LEGEND, ncols=3)
        super().__init__(figure, [self.threshold, *self.steps, *self.wrong, self.caption])

    def take(self, course: pd.DataFrame, title: str) -> None:
        """Turn to another subject: its rows in slice order, with slice_index and score."""
        index = course["slice_index"].to_numpy()
        self.score.set_data(index, course["score"].to_numpy())
        self.title.set_text(f"{title}, before the filter")
        self.below.set_xlim(index.min() - 0.7, index.max() + 0.7)
        self.draw_ground()

    def show(self, course: pd.DataFrame, threshold: float, size: int) -> bytes:
        """course: the taken subject's rows with slice_index, label, decision and filtered_decision (0/1)."""
        index, label = course["slice_index"].to_numpy(), course["label"].to_numpy()
        self.threshold.set_ydata([threshold, threshold])
        self.caption.set_text(f"after the filter, median of {size} slices" if size > 1 else "filter off: as above")
        for steps, wrong, column in zip(self.steps, self.wrong, ("decision", "filtered_decision"), strict=True):
            decided = course[column].to_numpy()
            steps.set_data(index, decided)
            wrong.set_data(index[decided != label], decided[decided != label])
        return self.png()


class RocDrawing(Drawing):
    """Fig. 7: the ROC curve of every fold after the median filter, with the point the slice threshold picks."""

    @plain_style()
    def __init__(self, folds: Sequence[int]) -> None:
        figure = Figure(figsize=SIZE, layout="constrained")
        axis = figure.subplots()
        self.curves, self.points = {}, {}
        for fold in folds:
            (self.curves[fold],) = axis.plot([], [], linewidth=1.3, label=f"fold {fold}")
            colour = self.curves[fold].get_color()
            (self.points[fold],) = axis.plot([], [], "o", color=colour, markersize=9, markeredgecolor="black")
        axis.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1)
        axis.set(xlabel="1 - specificity", ylabel="recall", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        axis.set_title("Slices after the filter; dot: threshold", fontsize=SMALL)
        axis.grid(True)
        axis.legend(frameon=False, fontsize=SMALL, loc="lower right")
        super().__init__(figure, [*self.curves.values(), *self.points.values()])

    def show(self, rocs: Mapping[int, Roc], points: Mapping[int, tuple[float, float]]) -> bytes:
        """Both by fold; points as (1 - specificity, recall)."""
        for fold, curve in rocs.items():
            self.curves[fold].set_data(curve.fpr, curve.tpr)
            x, y = points[fold]
            self.points[fold].set_data([x], [y])
        return self.png()


class SubjectDrawing(Drawing):
    """Score of every test subject by fold against the subject threshold, misclassified ones ringed."""

    @plain_style()
    def __init__(self, folds: Sequence[int]) -> None:
        figure = Figure(figsize=SIZE, layout="constrained")
        axis = figure.subplots()
        style: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 5, "alpha": 0.6}
        self.dots = {
            group: axis.plot([], [], color=colour, label=group, **style)[0]
            for group, colour in (("axSpA", VERMILION), ("control", BLUE))
        }
        (self.rings,) = axis.plot([], [], "o", markersize=10, color="none", markeredgecolor="black")
        self.threshold = axis.axhline(0.5, color=GREY, linestyle=":", label="threshold")
        axis.set(xlim=(min(folds) - 0.5, max(folds) + 0.5), ylim=(-0.05, 1.05), xticks=list(folds))
        axis.set(xlabel="fold", ylabel="subject score")
        axis.set_title("Test subjects; ring: wrong", fontsize=SMALL)
        figure.legend(**LEGEND, ncols=4)
        super().__init__(figure, [self.threshold, *self.dots.values(), self.rings])

    def show(self, subjects: pd.DataFrame, threshold: float) -> bytes:
        """subjects: columns of ``subject_predictions``."""
        places = subjects["fold"].to_numpy() + np.where(subjects["group"] == "axSpA", 0.12, -0.12)
        scores = subjects["score"].to_numpy()
        for group, dots in self.dots.items():
            own = (subjects["group"] == group).to_numpy()
            dots.set_data(places[own], scores[own])
        wrong = (subjects["label"] != subjects["decision"]).to_numpy()
        self.rings.set_data(places[wrong], scores[wrong])
        self.threshold.set_ydata([threshold, threshold])
        return self.png()


def _steps(axis: Axes) -> Line2D:
    (line,) = axis.plot([], [], drawstyle="steps-mid", color=BLUE, linewidth=1.6, label="slice result")
    return line


def _crosses(axis: Axes) -> Line2D:
    (line,) = axis.plot([], [], "x", color=VERMILION, markersize=8, markeredgewidth=1.8, label="misclassified")
    return line


def slice_png(image: Array, boxes: Sequence[tuple[Box | None, str]], edema: Array | None) -> bytes:
    """A slice ``(H, W)`` in [0, 255] with boxes in their colours, and the edema outline ``(H, W)`` in orange."""
    scale = _scale(image)
    picture = Image.fromarray(_outlined(_grey(image, scale), edema, scale))
    pen = ImageDraw.Draw(picture)
    for box, colour in boxes:
        if box is not None:
            pen.rectangle([scale * edge for edge in (box.x0, box.y0, box.x1, box.y1)], outline=colour, width=3)
    return png(np.asarray(picture))


def patch_png(patch: Array, edema: Array | None, cam: Array | None = None) -> bytes:
    """A patch ``(S, S)`` on the 8-bit scale, under the map ``(S, S)`` in [0, 1] if given; edema outlined in orange.

    With a map the outline is white and the colours are the paper's: red highest [Fig. 8].
    """
    scale = _scale(patch)
    picture = _grey(patch, scale)
    if cam is not None:
        heat = np.kron(cam, np.ones((scale, scale), dtype=np.float32))[..., None]
        alpha = opacity(heat)
        colours = 255 * matplotlib.colormaps[COLOURS](heat[..., 0])[..., :3]
        picture = ((1 - alpha) * picture + alpha * colours).astype(np.uint8)
    return png(_outlined(picture, edema, scale, "#FFFFFF" if cam is not None else ORANGE))


def png(pixels: Array) -> bytes:
    """``(H, W, 3)`` uint8 as a PNG, quickly rather than tightly."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _scale(image: Array) -> int:
    """Whole pixels of the picture for each pixel of the image: none is smoothed away."""
    return max(1, -(-SIDE // min(image.shape)))


def _grey(image: Array, scale: int) -> Array:
    """The image in grey, as in the reports."""
    low, high = grey_range(image)
    grey = np.clip(255 * (image - low) / (high - low), 0, 255).astype(np.uint8)
    large = grey.repeat(scale, axis=0).repeat(scale, axis=1)
    return np.repeat(large[..., None], 3, axis=2)


def _outlined(picture: Array, mask: Array | None, scale: int, colour: str = ORANGE) -> Array:
    """The mask's border, two pixels of the picture wide, painted over it."""
    if mask is None or not mask.any():
        return picture
    large = mask.repeat(scale, axis=0).repeat(scale, axis=1)
    painted = picture.copy()
    painted[large & ~binary_erosion(large, iterations=2)] = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return painted
