"""Volumes of edema and their agreement, by hand."""

import numpy as np
import pandas as pd
import pytest

from sijstudy.analysis.edema_volumes import agreement_of_volumes, volume_sentence, volumes
from sijstudy.analysis.icc import icc


def seen_of(subjects=4):
    """Two slices each, of which nobody read the second one of the first subject; the last subject was not read."""
    rows = []
    for number in range(subjects + 1):
        for index in range(2):
            row = {"subject_id": f"s{number}", "slice_index": index, "segmentation": 0.3}
            if number < subjects and (number, index) != (0, 1):
                row |= {"ml segmentation": 1.0 + number, "ml edema": 2.0 * number}
                row |= {"ml edema reader 1": 2.0 * number + 1, "ml edema reader 2": 2.0 * number + 0.5}
            rows.append(row)
    return pd.DataFrame(rows)


def test_volumes_are_sums_over_slices_that_were_read():
    table = volumes(seen_of())
    assert list(table) == ["segmentation", "reader 1", "reader 2", "agreed outline", "mean reading"]
    assert table.index.tolist() == ["s0", "s1", "s2", "s3"]
    assert table.loc["s0"].tolist() == [1.0, 1.0, 0.5, 0.0, 0.75]
    assert table.loc["s3"].tolist() == [8.0, 14.0, 13.0, 12.0, 13.5]


def test_readers_of_different_slices_are_compared_on_those_that_all_cover():
    """A reader who outlined half of a subject has not seen less edema than the others; nor has the segmentation."""
    seen = seen_of(3)
    whole = volumes(seen)
    seen.loc[(seen["subject_id"] == "s2") & (seen["slice_index"] == 1), "ml edema reader 2"] = np.nan
    seen.loc[seen["subject_id"] == "s1", "ml edema reader 2"] = np.nan  # who read nothing of a subject takes no slice
    table = volumes(seen)
    assert table.loc["s2"].tolist() == (whole.loc["s2"] / 2).tolist()
    assert table.loc["s1", ["segmentation", "reader 1", "mean reading"]].tolist() == [4.0, 6.0, 6.0]
    assert np.isnan(table.loc["s1", "reader 2"])
    said = volume_sentence(table, agreement_of_volumes(table))
    assert " Slices left out, as only some of their subject's readers cover them: 1." in said
    assert "Slices left out" not in volume_sentence(whole, agreement_of_volumes(whole))


def test_every_reading_stands_beside_the_segmentation_and_the_others():
    table = volumes(seen_of())
    agreed = agreement_of_volumes(table)
    assert agreed.index.tolist() == [
        "segmentation and reader 1", "segmentation and reader 2", "segmentation and agreed outline",
        "segmentation and mean reading", "reader 1 and reader 2",
    ]  # fmt: skip
    row = agreed.loc["segmentation and reader 1"]
    assert row["icc"] == icc(table[["segmentation", "reader 1"]].to_numpy()).value
    assert row["bias"] == pytest.approx((table["segmentation"] - table["reader 1"]).mean())
    sentence, value = volume_sentence(table, agreed), agreed.loc["segmentation and mean reading", "icc"]
    assert sentence.startswith(f"Segmentation and mean reading: ICC(2,1) {value:.2f} (95% CI ")
    assert f"finds {100 * table['segmentation'].sum() / table['mean reading'].sum():.0f}% of the volume" in sentence


def test_with_the_agreed_outline_alone_readers_have_no_icc():
    table = volumes(seen_of().drop(columns=["ml edema reader 1", "ml edema reader 2"]))
    assert list(table) == ["segmentation", "agreed outline"]
    assert "the manifest keeps the agreed outline alone" in volume_sentence(table, agreement_of_volumes(table))


def test_two_subjects_and_none():
    table = volumes(seen_of(2))
    agreed = agreement_of_volumes(table)
    assert np.isnan(agreed["icc"]).all()
    assert volume_sentence(table, agreed) == "With 2 subjects no ICC is given: it takes 3."
    empty = volumes(seen_of().iloc[:, :3])
    assert volume_sentence(empty, agreement_of_volumes(empty)).startswith("Nobody outlined edema")
