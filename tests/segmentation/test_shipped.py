"""The network that ships with the package, and how another one is made."""

import hashlib
import json

import numpy as np
import pytest
import torch

from sijstudy.errors import StudyError
from sijstudy.records import Box
from sijstudy.segmentation.drawings import draw
from sijstudy.segmentation.learn import Plan, learn, loss_of
from sijstudy.segmentation.make import make_network
from sijstudy.segmentation.network import Pair, UNet
from sijstudy.segmentation.score import box_iou, outlined_truth, score
from sijstudy.segmentation.varied import varied
from sijstudy.segmentation.weights import SHIPPED, load_network, save_network

CARD = SHIPPED.with_suffix(".json")


@pytest.fixture(scope="module")
def drawings():
    return draw(12, seed=77, workers=2, progress=False)


def test_the_card_is_of_these_weights():
    card = json.loads(CARD.read_text())
    assert card["sha256"] == hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
    assert SHIPPED.stat().st_size < 8e6
    assert {"data", "command", "scores_on_drawings", "limits"} <= set(card)


def test_it_outlines_examinations_that_it_has_not_seen():
    drawn = draw(8, seed=77, slices=8, apart=5.0, workers=2, progress=False)
    scores, told = score(load_network(), drawn), json.loads(CARD.read_text())["scores_on_drawings"]
    assert set(scores) == set(told)
    assert min(scores["IoU left ilium"], scores["IoU right ilium"], scores["IoU sacrum"]) > 0.8
    assert scores["IoU boxes"] > 0.85
    assert scores["boxes found"] > 0.9
    for name in ("IoU all bone", "IoU boxes", "boxes found"):
        assert scores[name] == pytest.approx(told[name], abs=0.08), name


def test_the_truth_scores_full_marks(drawings):
    truth = outlined_truth(drawings)
    assert truth.bone().sum() > 0
    assert (truth.edema > 0).sum() == (drawings.labels >= 8).sum()


def test_box_iou_by_hand():
    assert box_iou(Box(0, 0, 10, 10), Box(5, 0, 15, 10)) == pytest.approx(50 / 150)
    assert box_iou(Box(0, 0, 10, 10), Box(20, 0, 30, 10)) == 0
    assert box_iou(Box(1, 2, 3, 4), Box(1, 2, 3, 4)) == 1


def test_learning_lowers_the_loss(drawings):
    images, labels = torch.from_numpy(drawings.images), torch.from_numpy(drawings.labels)
    samples = varied(images[:8], labels[:8], torch.Generator().manual_seed(5))
    torch.manual_seed(1)
    fresh, learned = Pair(UNet(), UNet()), learn(drawings, Plan(1, 12, 16), progress=False)
    with torch.inference_mode():
        before, after = (float(loss_of(network.train()(samples.inputs), samples)) for network in (fresh, learned))
    assert after < 0.93 * before


def test_the_same_plan_makes_the_same_networks_on_however_many_workers(drawings):
    first, again = (learn(drawings, Plan(3, 12, 2), workers=workers, progress=False).state_dict() for workers in (1, 2))
    assert all(torch.allclose(first[name], again[name], atol=1e-6) for name in first)
    assert not torch.equal(first["plain.last.weight"], first["mirrored.last.weight"])


def test_weights_come_back_as_they_were_saved(tmp_path):
    network = Pair(UNet(), UNet())
    save_network(network, tmp_path / "mine.safetensors")
    again = load_network(tmp_path / "mine.safetensors").state_dict()
    assert all(torch.equal(value, again[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("content", [b"", b"no weights at all", None])
def test_what_is_no_network_is_refused_by_name(tmp_path, content):
    file = tmp_path / "broken.safetensors"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(StudyError, match=r"broken\.safetensors.*roi train"):
        load_network(file)


def test_a_network_can_be_made_anew(tmp_path, monkeypatch):
    monkeypatch.setattr("sijstudy.segmentation.make.TESTED", 2)
    made = make_network(Plan(5, 2, 2), tmp_path / "new" / "mine.safetensors", workers=1, progress=False)
    card = json.loads(made.card.read_text())
    assert card["command"] == "sijstudy roi train --seed 5 --bodies 2 --steps 2"
    assert card["sha256"] == hashlib.sha256(made.weights.read_bytes()).hexdigest()
    assert np.isfinite(list(card["scores_on_drawings"].values())).all()
    load_network(made.weights)
