"""A user's matplotlibrc changes no figure."""

import importlib
import inspect
import pkgutil

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from sijstudy import figures
from sijstudy.figures.paper import noisy_versions, selection_curves
from sijstudy.figures.plain import plain_style
from sijstudy.notebook import display, live_drawings

ODD = {
    "font.size": 22, "font.family": "serif", "axes.facecolor": "yellow", "savefig.dpi": 30, "savefig.bbox": "tight",
    "image.origin": "lower", "image.cmap": "jet", "lines.linewidth": 7, "axes.grid": True, "text.color": "red",
}  # fmt: skip
CURVES = pd.DataFrame({"epoch": [1, 2], "train_accuracy": [0.5, 0.7], "held_out_accuracy": [0.5, 0.6]})


def pictures():
    drawn = noisy_versions({"none": np.arange(64.0).reshape(8, 8)}), selection_curves({"resnet18": CURVES})
    return [display._png(figure, 50) for figure in drawn] + [live_drawings.CourseDrawing().png()]


def test_settings_of_the_user_change_no_pixel_and_stay():
    plain = pictures()
    with matplotlib.rc_context(ODD):
        mine = dict(matplotlib.rcParams)
        assert pictures() == plain
        assert dict(matplotlib.rcParams) == mine


def functions():
    for module in pkgutil.iter_modules(figures.__path__, "sijstudy.figures."):
        for name, function in inspect.getmembers(importlib.import_module(module.name), inspect.isfunction):
            if function.__module__ == module.name and function.__annotations__.get("return") == Figure.__name__:
                yield pytest.param(function, id=f"{module.name}.{name}")


@pytest.mark.parametrize("function", list(functions()))
def test_every_figure_is_drawn_in_the_plain_style(function):
    assert getattr(function, "__wrapped__", None), f"write @{plain_style.__name__}() above {function.__name__}"
