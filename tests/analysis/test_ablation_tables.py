"""Ablations in words: readable cells, what is marked, what the answer claims."""

import pandas as pd
import pytest
from ablation_samples import TABLE, row

from sijstudy.analysis import ablation_tables
from sijstudy.analysis.ablations import REFERENCE, Trial, Variant
from sijstudy.config import StudyConfig


def test_a_difference_whose_interval_excludes_0_is_marked():
    cells = ablation_tables.difference_cells(TABLE).set_index("variant")["slice accuracy"]
    assert cells.to_dict() == {
        "Loss: cross-entropy": "◆\N{NO-BREAK SPACE}−3.2 (−5.0 to −1.0)",
        "Median filter: no filter": "the same",
        "ROI: factor 1.0": "+1.0 (−2.0 to +4.0)",
    }


def test_values_have_sd_and_interval():
    cells = ablation_tables.value_cells(TABLE).set_index("variant")["slice accuracy"]
    assert cells["this study"] == "90.0 ± 2.0 (85.0 to 95.0)"
    assert "Weights: pretrained" not in cells


def test_the_answer_names_what_differs_and_counts_what_could_not_be_run():
    assert ablation_tables.answer_sentence(TABLE) == (
        "Of 3 variants 1 differs from this study by more than the choice of subjects explains, in percentage points: "
        "Loss: cross-entropy (slice accuracy −3.2). 1 more could not be run."
    )
    alike = TABLE[TABLE["variant"].isin([REFERENCE, "factor 1.0"])]
    assert ablation_tables.answer_sentence(alike) == (
        "Of 1 variants none differs from this study by more than the choice of subjects explains."
    )


def test_the_sentence_on_multiplicity_counts_the_intervals_that_can_miss():
    said = ablation_tables.multiplicity_sentence(TABLE)
    assert said.startswith("2 intervals are shown and not corrected")
    assert "about 0.1 of them" in said
    assert "another seed" not in said
    every = pd.concat([TABLE, pd.DataFrame([row("repeat", "another seed", (100.0, 100.0, 100.0))])])
    said = ablation_tables.multiplicity_sentence(every)
    assert said.startswith("3 intervals")
    assert said.endswith("The row with another seed shows what that alone changes.")


def test_the_alternative_text_names_the_clear_intervals():
    text = ablation_tables.forest_text(TABLE)
    assert "differences of 3 variants" in text
    assert "Intervals that exclude 0: Loss: cross-entropy, slice accuracy." in text


@pytest.mark.parametrize(("missing", "state"), [("", "run"), ("no file", "not run: no file")])
def test_what_was_varied_says_whether_it_was_run(missing, state):
    study = StudyConfig()
    variant = Variant("pretrained", "pretraining", "Why?", {"weights": "imagenet"})
    trials = (Trial(Variant(REFERENCE, "", ""), study), Trial(variant, study, missing))
    (only,) = ablation_tables.tried_table(TABLE, trials).to_dict("records")
    assert only == {"variant": "Weights: pretrained", "changed": "x=1", "question": "Why?", "state": state}


def test_the_way_to_ablations_names_the_profile():
    assert "--profile toy --only 08 -p ablations all" in ablation_tables.not_asked(StudyConfig(profile="toy"))
