"""Which printed means and SDs can arise: against a brute-force count, and the paper's own tables."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sijstudy.analysis.consistency import consistency_table
from sijstudy.analysis.consistency_alone import check_metric
from sijstudy.analysis.consistency_counts import FoldSizes, metrics_of
from sijstudy.analysis.consistency_joint import check_jointly
from sijstudy.metrics import METRICS
from sijstudy.paper import TABLE2, TABLE3, fold_sizes

SUBJECTS, SLICES = FoldSizes(*fold_sizes("subjects")), FoldSizes(*fold_sizes("slices"))
SMALL = FoldSizes((4, 3, 5), (3, 2, 3))


def every_table(sizes):
    """All (fn, fp) of every fold with every metric defined, by plain loops."""
    sides = [range(n + 1) for pair in zip(sizes.positive, sizes.negative, strict=True) for n in pair]
    for counts in itertools.product(*sides):
        yield tuple(zip(counts[::2], counts[1::2], strict=True))


def as_printed(values, decimals=2):
    return {name: (round(mean, decimals), round(sd, decimals)) for name, (mean, sd) in values.items()}


@pytest.fixture(scope="module", params=[1, 0], ids=["ddof 1", "ddof 0"])
def brute(request):
    """ddof, and (mean, sd) of the six metrics of every table of SMALL, unrounded."""
    tables = [metrics_of(SMALL, wrong, ddof=request.param) for wrong in every_table(SMALL)]
    return request.param, {
        name: np.array([table[name] for table in tables if not np.isnan(table[name]).any()]) for name in METRICS
    }


@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=25)
@given(mean=st.integers(500, 1000), sd=st.integers(0, 400))
def test_a_verdict_is_that_of_trying_every_table(brute, metric, mean, sd):
    ddof, tables = brute
    printed = (mean / 10, sd / 10)
    gaps = np.abs(tables[metric] - printed).max(axis=1)
    verdict = check_metric(metric, SMALL, printed, ddof=ddof, decimals=1)
    assert verdict.exhaustive
    assert verdict.attainable == (gaps.min() <= 0.05 + 1e-9)
    assert np.abs(np.subtract(verdict.nearest, printed)).max() == pytest.approx(
        gaps.min(), abs=0.05 if verdict.attainable else 1e-9
    )
    if verdict.attainable:
        assert np.abs(np.subtract(metrics_of(SMALL, verdict.wrong, ddof=ddof)[metric], printed)).max() <= 0.05 + 1e-9


def test_ways_are_counted():
    # recall 50.00 ± 0.00 of folds of 4: two of four in both; 75 and 25, or 100 and 0, have another SD
    assert check_metric("recall", FoldSizes((4, 4), (1, 1)), (50.0, 0.0), ddof=1).ways == 1
    assert check_metric("recall", FoldSizes((4, 4), (1, 1)), (50.0, 35.36), ddof=1).ways == 2


tables = st.integers(2, 5).flatmap(
    lambda folds: st.lists(
        st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
            lambda size: st.tuples(
                st.just(size), st.tuples(st.integers(0, size[0] - 1), st.integers(0, size[1] - 1))
            )
        ),
        min_size=folds, max_size=folds,
    )
)  # fmt: skip


@settings(max_examples=60)
@given(tables, st.sampled_from([0, 1]))
def test_what_a_confusion_table_gives_is_found_attainable(table, ddof):
    sizes = FoldSizes(tuple(size[0] for size, _ in table), tuple(size[1] for size, _ in table))
    printed = as_printed(metrics_of(sizes, [wrong for _, wrong in table], ddof=ddof))
    for metric in METRICS:
        verdict = check_metric(metric, sizes, printed[metric], ddof=ddof)
        assert verdict.attainable or (verdict.attainable is None and not verdict.exhaustive)
    joint = check_jointly(sizes, printed, ddof=ddof)
    assert joint.attainable
    for metric in METRICS:  # a half may be rounded either way
        assert joint.values[metric] == pytest.approx(printed[metric], abs=0.005001)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=5, max_size=5))
@settings(max_examples=15)
def test_counts_of_the_papers_slices_are_found_attainable(wrong):
    printed = as_printed(metrics_of(SLICES, wrong, ddof=1))
    for metric in ("accuracy", "recall", "specificity"):
        verdict = check_metric(metric, SLICES, printed[metric], ddof=1)
        assert (verdict.attainable, verdict.exhaustive) == (True, True)


def test_the_nearest_joint_table_is_that_of_trying_every_table():
    sizes, printed = FoldSizes((3, 4), (3, 3)), dict.fromkeys(METRICS, (80.0, 10.0))
    gaps = [
        np.abs(np.array([np.subtract(values[name], printed[name]) for name in METRICS])).max()
        for values in (metrics_of(sizes, wrong, ddof=1) for wrong in every_table(sizes))
    ]
    joint = check_jointly(sizes, printed, ddof=1)
    assert (joint.attainable, joint.proven) == (False, True)
    assert joint.distance == pytest.approx(np.nanmin(gaps))


def test_the_papers_accuracy_of_subjects_contradicts_its_specificity():
    accuracy = check_metric("accuracy", SUBJECTS, TABLE3["accuracy"], ddof=1)
    assert accuracy.wrong == ((0, 1), (0, 1), (0, 1), (0, 0), (0, 2))
    values = as_printed(metrics_of(SUBJECTS, accuracy.wrong, ddof=1))
    assert values["accuracy"] == TABLE3["accuracy"]
    assert (values["specificity"][0], values["precision"][0]) == (83.33, 95.19)
    assert not check_metric("accuracy", SUBJECTS, TABLE3["accuracy"], ddof=0).attainable
    for ddof in (0, 1):  # 86.43 is no multiple of 1/30, and six controls are in every fold
        assert check_metric("specificity", SUBJECTS, TABLE3["specificity"], ddof=ddof).attainable is False
        joint = check_jointly(SUBJECTS, TABLE3, ddof=ddof)
        assert (joint.attainable, joint.proven) == (False, True)


def test_the_readable_table_says_the_same():
    table, words = consistency_table(SUBJECTS, TABLE3, "Table 3")
    assert list(table.index) == ["Accuracy", "Recall", "Precision", "Specificity", "NPV", "F1-score"]
    assert table.loc["Accuracy", "example by fold"] == "FP 1, 1, 1, 0, 2"
    assert table.loc["Specificity", "with ddof 1"] == "no (86.67 ± 7.45)"
    assert words.startswith("Table 3: specificity cannot arise")
    assert "specificity 83.33" in words
    assert "precision 95.19" in words


def test_slices_of_the_original_arm_have_no_joint_table():
    table, words = consistency_table(SLICES, TABLE2["original"], "Whole slices")
    assert (table["with ddof 1"].str.startswith("yes")).all()
    assert "No counts give all six metrics at once" in words


def test_a_joint_table_that_exists_is_told():
    wrong = [(0, 1), (1, 0), (0, 0), (2, 1), (0, 1)]
    printed = as_printed(metrics_of(SUBJECTS, wrong, ddof=1))
    _, words = consistency_table(SUBJECTS, printed, "Made up")
    assert "gives all six metrics as printed (ddof 1)" in words


def test_one_fold_has_no_sd():
    with pytest.raises(ValueError, match="two or more"):
        FoldSizes((3,), (3,))
