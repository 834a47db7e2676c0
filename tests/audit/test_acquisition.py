"""What was acquired otherwise than the rest."""

import pandas as pd

from sijstudy.audit import acquisition


def scans(**columns):
    names = [f"S{row // 2:02d}" for row in range(len(next(iter(columns.values()))))]
    return pd.DataFrame({"subject_id": names, "slice_index": range(len(names)), **columns})


def test_a_value_beside_the_usual_one_is_an_outlier():
    table = scans(
        rows=[448] * 8 + [320] * 2,
        model=["Skyra"] * 9 + ["Aera"],
        echo_time_ms=[11.0, 11.0001] * 5,
        window_width=range(10),
    )
    found = acquisition.outliers(table).set_index("parameter")
    assert set(found.index) == {"rows", "model"}
    assert found.loc["rows", ["usual", "found", "slices", "subjects"]].tolist() == ["448", "320", 2, ("S04",)]
    assert acquisition.mixed_subjects(table)["parameters"].to_dict() == {
        **{f"S{k:02d}": "echo_time_ms" for k in range(4)}, "S04": "model, echo_time_ms",
    }  # fmt: skip


def test_without_a_usual_value_only_far_numbers_are_outliers():
    table = scans(repetition_time_ms=[500.0, 510, 520, 530, 540, 550, 560, 570, 580, 2000])
    assert acquisition.outliers(table)["found"].tolist() == ["2000"]
    assert acquisition.outliers(scans(model=list("abcdefghij"))).empty


def test_values_other_than_the_papers_are_noted():
    table = scans(repetition_time_ms=[544] * 4, echo_time_ms=[20] * 4, manufacturer=["SIEMENS"] * 4, rows=[None] * 4)
    published = {"repetition_time_ms": 544, "echo_time_ms": 11, "manufacturer": "Siemens Healthcare", "rows": 448}
    (note,) = acquisition.acquisition_findings(table, published)
    assert note.sentence == "Usual values other than the paper's: echo_time_ms."
    summary = acquisition.acquisition_summary(table, published).set_index("parameter")
    assert summary.loc["rows"].tolist() == ["–", "4", "448"]
