import re
from types import SimpleNamespace

import numpy as np
import pytest
from panel_samples import BOTH, CONFIG

from sijstudy.notebook import live_markup
from sijstudy.notebook.live_drawings import png
from sijstudy.notebook.panel_state import FILTERED, SUBJECTS, Settings, outcome
from sijstudy.notebook.slice_viewer import Choice

STUDY = outcome(BOTH, Settings.of(CONFIG), CONFIG)
NOW = outcome(BOTH, Settings(1, 0.35, 0.6), CONFIG)


def text_of(markup_text):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", markup_text))


def test_the_verdict_gives_this_settings_shares_and_the_studys():
    shares = [
        f"{100 * (counts.tp + counts.tn) / (counts.tp + counts.tn + counts.fp + counts.fn):.1f}%"
        for name in (FILTERED, SUBJECTS)
        for counts in (NOW.confusions[name], STUDY.confusions[name])
    ]
    assert re.findall(r"[\d.]+%", text_of(live_markup.verdict(NOW, STUDY))) == shares


def test_the_tables_hold_every_mean_and_the_papers():
    text = text_of(live_markup.metric_table(NOW.tables))
    for table in NOW.tables.values():
        assert f"{table.loc['accuracy', 'mean']:.1f} ± {table.loc['accuracy', 'sd']:.1f}" in text
    assert "93.5 ± 2.2" in text or "93.6 ± 2.2" in text
    assert "nan" not in text


def test_the_counts_stand_in_their_places():
    counts = NOW.confusions[SUBJECTS]
    numbers = [int(number) for number in re.findall(r">(\d+)</td>", live_markup.confusions(NOW.confusions))]
    assert numbers[-4:] == [counts.tp, counts.fn, counts.fp, counts.tn]


def test_a_picture_says_its_size_and_escapes_what_is_said_of_it():
    shown = live_markup.picture(png(np.zeros((20, 30, 3), dtype=np.uint8)), 'a "quoted" <b>', "below")
    assert 'width="30" height="20"' in shown
    assert "&quot;quoted&quot; &lt;b&gt;" in shown


@pytest.mark.parametrize(("score", "label", "words"), [(0.7, 1, "right"), (0.7, 0, "wrong"), (0.3, 0, "right")])
def test_a_slices_verdict_names_score_truth_and_network(score, label, words):
    sight = SimpleNamespace(item=SimpleNamespace(label=label), score=score, fold=2)
    text = text_of(live_markup.sight_verdict(sight, Choice("S", 0, True, 0.8), CONFIG))
    assert f"score {score:.3f}" in text
    assert f"the network is {words}" in text
    assert "fold 2" in text
    assert "Mind" not in text


def test_what_lies_outside_the_training_is_marked():
    sight = SimpleNamespace(item=SimpleNamespace(label=1), score=0.7, fold=2)
    assert "trained with 0.8" in live_markup.sight_verdict(sight, Choice("S", 0, True, 1.1), CONFIG)
    unseen = SimpleNamespace(item=SimpleNamespace(label=1), score=None, fold=None)
    assert "no network may judge it" in live_markup.sight_verdict(unseen, Choice("S", 0, True, 1.1), CONFIG)
