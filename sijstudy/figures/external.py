"""Data -> matplotlib Figure: ROC curves of networks and baselines on another cohort. Reads no file, keeps no state."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from sijstudy.figures.colours import BLUE, GREEN, GREY, ORANGE, SKY, SMALL
from sijstudy.figures.plain import plain_style
from sijstudy.metrics import Roc


@plain_style()
def external_rocs(curves: Mapping[str, Roc], names: Mapping[str, str]) -> Figure:
    """The mean score's curve, each network's thinly behind it, the intensity baselines dashed.

    curves: column -> curve: ``score``, ``fold_1`` ..., then the baselines; a curve without both classes is left out.
    """
    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    axis = figure.subplots()
    baselines = iter((ORANGE, GREEN))
    for column, curve in curves.items():
        if not len(curve.fpr):
            continue
        label = f"{names[column]}: AUC {curve.auc:.3f}"
        if column.startswith("fold_"):
            axis.plot(curve.fpr, curve.tpr, color=SKY, linewidth=0.9, label=label)
        elif column == "score":
            axis.plot(curve.fpr, curve.tpr, color=BLUE, linewidth=2.4, zorder=3, label=label)
        else:
            axis.plot(curve.fpr, curve.tpr, color=next(baselines), linestyle="--", linewidth=1.6, label=label)
    axis.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1)
    axis.set(xlabel="1 - specificity", ylabel="recall", aspect="equal", xlim=(-0.01, 1), ylim=(0, 1.01))
    figure.legend(frameon=False, fontsize=SMALL - 1, loc="outside lower center", ncols=2)
    axis.grid(alpha=0.25)
    return figure
