"""Predictions of all folds -> the paper's tables: slices, subjects, confidence intervals [2.4, 3.1]."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sijstudy.aggregation import asas_positive, filtered_course, slice_decisions, subject_score
from sijstudy.config import StudyConfig
from sijstudy.files import FitRun
from sijstudy.metrics import (
    METRIC_NAMES,
    METRICS,
    Roc,
    bootstrap,
    bootstrap_ci,
    confusion,
    difference,
    mean_sd,
    roc,
    six_metrics,
    wilson,
)

Published = Mapping[str, tuple[float, float]]


def collect_predictions(runs: Mapping[int, FitRun], groups: Mapping[str, str]) -> pd.DataFrame:
    """Test predictions of all folds, a row per fold and slice, in slice order.

    runs: fold number -> finished run. groups: subject_id -> axSpA or control.
    Columns: fold, subject_id, group, slice_index, label (0/1), score in [0, 1].
    """
    parts = [run.predictions().assign(fold=fold) for fold, run in runs.items()]
    frame = pd.concat(parts, ignore_index=True).assign(group=lambda table: table["subject_id"].map(groups))
    columns = ["fold", "subject_id", "group", "slice_index", "label", "score"]
    return frame[columns].sort_values(["fold", "subject_id", "slice_index"], ignore_index=True)


def add_courses(predictions: pd.DataFrame, config: StudyConfig) -> pd.DataFrame:
    """Add the slice results before and after the median filter along each subject's slices [3.1, Fig. 6].

    New columns: decision and filtered_decision (0/1), filtered_score in [0, 1] (the ROC after filtering),
    course (what the subject score averages: the filtered decisions, or scores with median_input="score").
    An odd median commutes with a threshold, so filtered_decision is the same under both median_inputs.
    """
    frame = predictions.assign(decision=slice_decisions(predictions["score"].to_numpy(), config.slice_threshold))

    def filtered(scores: pd.Series[float], on: str) -> Any:
        return filtered_course(scores.to_numpy(), size=config.median_size, threshold=config.slice_threshold, on=on)

    by_subject = frame.groupby(["fold", "subject_id"])["score"]
    frame["filtered_score"] = by_subject.transform(filtered, on="score")
    frame["filtered_decision"] = by_subject.transform(filtered, on="decision").astype(int)
    frame["course"] = frame["filtered_decision" if config.median_input == "decision" else "filtered_score"].astype(
        float
    )
    return frame


def subject_predictions(courses: pd.DataFrame, config: StudyConfig) -> pd.DataFrame:
    """The final diagnosis, a row per fold and test subject [3.1, Table 3].

    label: 1 for axSpA. score: mean of the course. decision: score >= subject_threshold.
    asas_decision: edema on two consecutive slices after filtering (the ASAS rule on slice results, which
    count no lesions on a slice; one is assumed on each positive slice).
    """
    rows = []
    for (fold, subject), part in courses.groupby(["fold", "subject_id"]):
        score = float(subject_score(part["course"].to_numpy()))
        asas = asas_positive(part["filtered_decision"].to_numpy(), part["slice_index"].to_numpy())
        rows.append(
            {
                "fold": fold,
                "subject_id": subject,
                "group": part["group"].iloc[0],
                "label": int(part["group"].iloc[0] == "axSpA"),
                "slices": len(part),
                "score": score,
                "decision": int(score >= config.subject_threshold),
                "asas_decision": int(asas),
            }
        )
    return pd.DataFrame(rows)


def fold_metrics(frame: pd.DataFrame, *, decision: str = "decision", score: str = "score") -> pd.DataFrame:
    """The six metrics and AUC of every fold, as fractions; index fold."""
    rows = {}
    for fold, part in frame.groupby("fold"):
        six = six_metrics(confusion(part["label"].to_numpy(), part[decision].to_numpy()))
        rows[fold] = {**six, "auc": roc(part["label"].to_numpy(), part[score].to_numpy()).auc}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("fold")


def summarise(
    frame: pd.DataFrame, config: StudyConfig, *, decision: str = "decision", score: str = "score"
) -> pd.DataFrame:
    """Mean and SD over the folds, and the 95% CI from resampling subjects, all in percent.

    Index: the six metrics and auc. Columns: mean, sd (ddof 1), low, high.
    """
    per_fold = fold_metrics(frame, decision=decision, score=score)
    chosen = frame[["fold", "subject_id", "label"]].assign(decision=frame[decision], score=frame[score])
    interval = bootstrap_ci(chosen, samples=config.bootstrap_samples, seed=config.seed)
    summary = pd.DataFrame({name: mean_sd(per_fold[name].to_numpy()) for name in per_fold}, index=["mean", "sd"]).T
    return 100 * summary.join(interval)


def beside_paper(summary: pd.DataFrame, published: Published) -> pd.DataFrame:
    """A summary with the paper's mean and SD (percent) and the difference in percentage points."""
    paper = pd.DataFrame.from_dict(dict(published), orient="index", columns=["paper_mean", "paper_sd"])
    table = summary.join(paper)
    return table.assign(difference=table["mean"] - table["paper_mean"])


def format_table(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Readable cells of one or more tables of ``beside_paper``, a row for each table and metric, percent."""
    rows = {}
    for name, table in tables.items():
        for metric in METRICS:
            row = table.loc[metric]
            rows[(name, METRIC_NAMES[metric])] = {
                "this run": _cell("{:.2f} ± {:.2f}", row["mean"], row["sd"]),
                "95% CI": _cell("{:.1f} to {:.1f}", row["low"], row["high"]),
                "paper": _cell("{:.2f} ± {:.2f}", row["paper_mean"], row["paper_sd"]),
                "difference": _cell("{:+.2f}", row["difference"]),
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def _cell(template: str, *numbers: float) -> str:
    """Numbers as text with a true minus sign; a dash when undefined (an empty denominator in every fold)."""
    if math.isnan(numbers[0]):
        return "–"
    return template.format(*numbers).replace("nan", "–").replace("-", "−")


def interval_text(row: Mapping[str, Any], people: int) -> str:
    """The 95% CI of a subject metric as words, from a row of ``summarise``: ``95% CI 94.2 to 99.0``.

    Where resampling gives no width, as no subject was misdiagnosed, that would claim certainty: Wilson's interval
    stands in its place, each of the ``people`` different subjects behind the metric counted once.
    """
    low, high, kind = row["low"], row["high"], ""
    if has_no_width(row):
        low, high = (100 * end for end in wilson(row["mean"] / 100, people))
        kind = f", Wilson, {people} different people"
    return f"95% CI {low:.1f} to {high:.1f}{kind}"


def has_no_width(row: Mapping[str, Any]) -> bool:
    """True when every resample of subjects gave the same value: all that was measured is right, or all wrong."""
    return bool(row["high"] - row["low"] < 1e-9)


def headline(name: str, table: pd.DataFrame, metric: str) -> dict[str, Any]:
    """One number for the index page: the paper's, ours and its 95% CI, in percent."""
    row = table.loc[metric]
    numbers = {key: float(row[column]) for key, column in
               (("paper", "paper_mean"), ("ours", "mean"), ("low", "low"), ("high", "high"))}  # fmt: skip
    return {"name": name, "unit": "%", **numbers}


def arms_of_one_fold(courses: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The metrics of each arm on a single fold, percent: index arm; courses: arm -> ``add_courses`` of that fold."""
    return pd.DataFrame({arm: 100 * fold_metrics(frame).iloc[0] for arm, frame in courses.items()}).T


def paired_difference(better: pd.DataFrame, other: pd.DataFrame, config: StudyConfig) -> dict[str, float]:
    """Slice accuracy of one arm minus another's, percentage points: mean over folds and 95% CI.

    Both frames as from ``add_courses`` with the same folds and subjects; each resample draws the same
    subjects in both, so that the CI is of the difference itself.
    """
    one, two = (bootstrap(frame, samples=config.bootstrap_samples, seed=config.seed) for frame in (better, other))
    return {
        name: 100 * value for name, value in zip(("mean", "low", "high"), difference(one, two, "accuracy"), strict=True)
    }


def filter_effect(courses: pd.DataFrame) -> dict[str, int]:
    """What the median filter did to the slices of all folds: wrong before, corrected, spoiled."""
    before = courses["decision"] == courses["label"]
    after = courses["filtered_decision"] == courses["label"]
    return {
        "wrong": int((~before).sum()),
        "corrected": int((~before & after).sum()),
        "spoiled": int((before & ~after).sum()),
    }


def telling_courses(courses: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """For Fig. 6, of each group the subject in which the filter corrects most slices: title -> its rows."""
    corrected = (courses["decision"] != courses["label"]) & (courses["filtered_decision"] == courses["label"])
    by_subject = courses.assign(corrected=corrected).groupby(["group", "fold", "subject_id"])["corrected"].sum()
    shown = {}
    for group, counts in by_subject.groupby(level="group"):
        _, fold, subject = counts.idxmax()
        rows = courses[(courses["fold"] == fold) & (courses["subject_id"] == subject)]
        shown[f"{group} {subject}, fold {fold}"] = rows
    return shown


def rocs(frame: pd.DataFrame, score: str) -> dict[int, Roc]:
    """The ROC curve of every fold [Fig. 7]."""
    return {
        int(str(fold)): roc(part["label"].to_numpy(), part[score].to_numpy()) for fold, part in frame.groupby("fold")
    }


def selection_summary(histories: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What Fig. 5 is read for, from the training histories of the candidate networks.

    Over the last third of the epochs: mean validation accuracy, its SD from epoch to epoch (stability) and
    the gap between training and validation accuracy (overfitting). Index backbone; percent.
    """
    rows = {}
    for backbone, history in histories.items():
        late = history.tail(max(2, round(len(history) / 3)))
        held_out, trained = late["held_out_accuracy"], late["train_accuracy"]
        rows[backbone] = {
            "validation_accuracy": held_out.mean(),
            "validation_sd": held_out.std(ddof=1),
            "training_accuracy": trained.mean(),
            "gap": (trained - held_out).mean(),
            "final_validation_accuracy": held_out.iloc[-1],
        }
    return 100 * pd.DataFrame.from_dict(rows, orient="index").rename_axis("backbone")


def final_accuracy(histories: Mapping[int, pd.DataFrame]) -> float:
    """Training accuracy in the last epoch, mean over the folds' histories, in [0, 1]."""
    return float(np.mean([history["train_accuracy"].iloc[-1] for history in histories.values()]))


def choose_backbone(summary: pd.DataFrame, *, tie: float = 1.0) -> tuple[str, str]:
    """The backbone and the reason in a sentence.

    The paper takes the network that "converges more stably" [2.5]. ASSUMED: the higher late validation
    accuracy wins; within ``tie`` percentage points the smaller epoch-to-epoch SD does.
    """
    ordered = summary.sort_values("validation_accuracy", ascending=False)
    best, other = ordered.index[0], ordered.index[1]
    lead = ordered.loc[best, "validation_accuracy"] - ordered.loc[other, "validation_accuracy"]
    if lead > tie:
        return str(best), f"its late validation accuracy is {lead:.1f} percentage points higher than that of {other}"
    stable = summary["validation_sd"].idxmin()
    loose = next(name for name in summary.index if name != stable)
    return str(stable), (
        f"both reach the same late validation accuracy within {tie:g} percentage point, and its accuracy swings less "
        f"from epoch to epoch (SD {summary.loc[stable, 'validation_sd']:.1f} against "
        f"{summary.loc[loose, 'validation_sd']:.1f} of {loose})"
    )


def cam_summary(measures: pd.DataFrame, *, samples: int, seed: int) -> pd.DataFrame:
    """Pointing game and energy over the explained slices, with 95% CIs from resampling subjects.

    measures: a row per slice with subject_id and the measured columns peak_in, peak_near, energy, area
    (fractions). Returns percent, index measure, columns mean, low, high.
    """
    names = ["peak_in", "peak_near", "energy", "area", "area_near"]
    sums = measures.groupby("subject_id")[names].sum().to_numpy(float)
    counts = measures.groupby("subject_id").size().to_numpy(float)
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=samples)
    means = (weights @ sums) / (weights @ counts)[:, None]
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    table = pd.DataFrame({"mean": sums.sum(0) / counts.sum(), "low": low, "high": high}, index=names)
    return 100 * table.rename_axis("measure")
