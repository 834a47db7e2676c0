"""What is said of networks that may have seen the subject."""

from types import SimpleNamespace

import pandas as pd

from sijstudy.study.diagnosis_networks import training_warning


def warned(*seen):
    networks = pd.DataFrame({"fold": range(1, len(seen) + 1), "trained_on_name": seen})
    return training_warning(SimpleNamespace(subject=SimpleNamespace(subject_id="S1"), networks=networks))


def test_the_way_out_is_one_that_helps():
    """``--fold`` is no help where every network has seen the subject."""
    assert warned(False, False) == ""
    assert warned(True, False, False).endswith("no test of them; --fold 2 or 3 takes a network that has not.")
    every = warned(True, True)
    assert "fold 1, 2." in every and "no network asked here has not" in every and "trained without this" in every
