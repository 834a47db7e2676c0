"""The network against torchvision's own ResNet and against offered weight files."""

import hashlib
import pickle
from types import SimpleNamespace

import pytest
import torch
import torchvision

from sijstudy.errors import StudyError
from sijstudy.model import Inputs, build_model, inputs_of, load_state, standardise, weights_digest


@pytest.mark.parametrize(("backbone", "features"), [("resnet18", 512), ("resnet50", 2048)])
def test_head_has_one_hidden_layer_and_one_output(backbone, features):
    for hidden in (128, 5):
        head = build_model(backbone, hidden, "none", seed=0).resnet.fc
        assert [type(layer).__name__ for layer in head] == ["Linear", "ReLU", "Linear"]
        assert (head[0].in_features, head[0].out_features, head[2].out_features) == (features, hidden, 1)


def test_a_new_network_is_ready_for_training_and_answers_for_a_single_patch():
    model = build_model("resnet18", 16, "none", seed=0)
    assert all(module.training for module in model.modules())
    patch = torch.rand(1, 1, 64, 64)
    logits = model.eval()(patch)
    assert logits.shape == (1,)
    assert torch.equal(logits, model.resnet(standardise(patch))[:, 0])  # the head's own output


def test_the_grey_stem_starts_as_wide_as_torchvisions():
    """He initialisation by the number of outputs: SD sqrt(2 / (64 x 49))."""
    stem = build_model("resnet18", 16, "none", seed=0).resnet.conv1.weight.detach()
    usual = torchvision.models.resnet18(weights=None).conv1.weight.detach()
    assert float(stem.std()) == pytest.approx((2 / (64 * 49)) ** 0.5, rel=0.05)
    assert float(stem.std()) == pytest.approx(float(usual.std()), rel=0.05)


def test_seed_decides_the_weights_and_the_global_state_is_untouched():
    before = torch.get_rng_state()
    first, again, other = (build_model("resnet18", 16, "none", seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["resnet.conv1.weight"], other["resnet.conv1.weight"])
    assert torch.equal(before, torch.get_rng_state())


def test_patch_is_standardised_and_constant_patch_stays_finite():
    patches = torch.stack([torch.rand(1, 8, 8) * 200 + 20, torch.full((1, 8, 8), 7.0)])
    out = standardise(patches)
    assert out[0].mean().abs() < 1e-5
    assert (out[0].std() - 1).abs() < 1e-4
    assert torch.equal(out[1], torch.zeros(1, 8, 8))
    assert torch.allclose(standardise(patches / 1000)[0], out[0], atol=1e-4)  # a dim patch, too


def test_score_does_not_depend_on_gain_and_offset():
    model = build_model("resnet18", 16, "none", seed=0).eval()
    patch = torch.rand(2, 1, 64, 64) * 100
    assert torch.allclose(model(patch), model(2 * patch + 5), atol=1e-4)


def test_in_units_of_marrow_the_score_hangs_on_the_scale():
    model, patch = build_model("resnet18", 16, "none", 0, Inputs(marrow=True)).eval(), torch.rand(2, 1, 64, 64) * 100
    assert not torch.allclose(model(patch), model(2 * patch), atol=1e-4)
    plain = build_model("resnet18", 16, "none", 0).eval().resnet  # the same first weights
    assert torch.allclose(model(patch), plain((patch - 255 / 4) / (255 / 4)).squeeze(1), atol=1e-4)


def test_the_mask_of_bone_enters_as_it_is():
    model, image = build_model("resnet18", 16, "none", 0, Inputs(bone=True)).eval(), torch.rand(2, 1, 64, 64) * 100
    mask = (torch.rand(2, 1, 64, 64) > 0.5).float()
    expected = model.resnet(torch.cat([standardise(image), mask], 1)).squeeze(1)
    torch.testing.assert_close(model(torch.cat([image, mask], 1)), expected)
    assert not torch.allclose(model(torch.cat([image, 0 * mask], 1)), expected, atol=1e-4)
    features = model.features(torch.cat([image, mask], 1))
    torch.testing.assert_close(model.resnet.fc(features).squeeze(1), expected)


@pytest.mark.parametrize("slices", [1, 3, 5])
def test_a_pretrained_network_begins_blind_to_the_mask(tmp_path, slices):
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), tmp_path / "resnet18.pth")
    plain, shown = (
        build_model("resnet18", 16, str(tmp_path / "resnet18.pth"), 0, Inputs(slices, bone=bone)).eval()
        for bone in (False, True)
    )
    images, mask = torch.rand(2, slices, 64, 64), torch.ones(2, 1, 64, 64)
    assert torch.equal(shown.resnet.conv1.weight[:, :-1], plain.resnet.conv1.weight)
    torch.testing.assert_close(shown.features(torch.cat([images, mask], 1)), plain.features(images))


def test_a_run_of_an_earlier_version_has_the_inputs_it_was_trained_on():
    assert inputs_of({"context_slices": 3}) == Inputs(3)
    assert inputs_of({"context_slices": 1, "intensity": "percentile", "bone_channel": False}) == Inputs()
    assert inputs_of({"context_slices": 1, "intensity": "marrow", "bone_channel": True}) == Inputs(1, True, True)
    assert inputs_of({"context_slices": 1, "intensity": "slice_marrow"}).marrow


def test_torchvision_weights_give_torchvision_features(tmp_path):
    original = torchvision.models.resnet18(weights=None).eval()
    torch.save(original.state_dict(), tmp_path / "resnet18.pth")
    model = build_model("resnet18", 16, str(tmp_path / "resnet18.pth"), seed=0).eval()
    grey = standardise(torch.rand(2, 1, 64, 64))
    wanted = torch.nn.Sequential(*list(original.children())[:-1])(grey.repeat(1, 3, 1, 1))
    found = torch.nn.Sequential(*list(model.resnet.children())[:-1])(grey)
    assert torch.allclose(wanted, found, atol=1e-4)


def test_own_state_dict_is_loaded_whole(tmp_path):
    donor = build_model("resnet18", 16, "none", seed=3)
    torch.save(donor.state_dict(), tmp_path / "own.pt")
    model = build_model("resnet18", 16, str(tmp_path / "own.pt"), seed=0)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in donor.state_dict().items())


def test_a_folder_holds_a_file_for_each_backbone(tmp_path):
    for name in ("resnet18", "resnet34"):
        torch.save(torchvision.models.get_model(name, weights=None).state_dict(), tmp_path / f"{name}-abc.pth")
    build_model("resnet18", 16, str(tmp_path), seed=0)
    assert weights_digest(str(tmp_path), "resnet18") != weights_digest(str(tmp_path), "resnet34")
    with pytest.raises(StudyError, match=r"holds 0 files resnet50\*"):
        build_model("resnet50", 16, str(tmp_path), seed=0)
    (tmp_path / "resnet18-def.pth").touch()
    with pytest.raises(StudyError, match=r"holds 2 files resnet18\*"):
        build_model("resnet18", 16, str(tmp_path), seed=0)


def test_weights_of_another_backbone_are_refused(tmp_path):
    torch.save(torchvision.models.resnet34(weights=None).state_dict(), tmp_path / "resnet34.pth")
    with pytest.raises(StudyError, match=r"resnet34\.pth.*backbone"):
        build_model("resnet18", 16, str(tmp_path / "resnet34.pth"), seed=0)


class Payload:
    """Something that a pickle runs when it is read."""

    ran = False

    def __setstate__(self, state):
        Payload.ran = True


def test_pickle_missing_and_empty_files_are_refused_in_one_line(tmp_path):
    payload = Payload()
    payload.state = 1
    (tmp_path / "evil.pt").write_bytes(pickle.dumps(payload))
    torch.save({"model": payload}, tmp_path / "object.pt")
    (tmp_path / "empty.pt").touch()
    torch.save({"epoch": 3}, tmp_path / "numbers.pt")
    for name in ("evil.pt", "object.pt", "empty.pt", "numbers.pt", "missing.pt"):
        with pytest.raises(StudyError) as caught:
            load_state(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not Payload.ran


def test_weights_digest_follows_the_content(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    first = weights_digest(str(tmp_path / "a"), "resnet18")
    (tmp_path / "a").write_bytes(b"2")
    assert first != weights_digest(str(tmp_path / "a"), "resnet18")
    assert weights_digest("none", "resnet18") == "none"
    with pytest.raises(StudyError, match="does not exist"):
        weights_digest(str(tmp_path / "b"), "resnet18")


def test_imagenet_offline_says_where_to_put_the_file(monkeypatch, tmp_path):
    def offline(*arguments, **options):
        raise OSError("network cut")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(StudyError, match=r"put the file at .*checkpoints/resnet18-\w+\.pth"):
        build_model("resnet18", 16, "imagenet", seed=0)


def test_imagenet_weights_are_the_published_ones(monkeypatch, tmp_path):
    """torch compares the file's hash when it downloads it, not when it is there already."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    torch.save(torchvision.models.resnet18().state_dict(), folder / "own")
    found = hashlib.sha256((folder / "own").read_bytes()).hexdigest()

    def published(name):
        (folder / "own").rename(folder / name)
        state = torch.load(folder / name, weights_only=True)
        entry = SimpleNamespace(url=f"https://x/{name}", get_state_dict=lambda **_: state)
        monkeypatch.setattr(torchvision.models, "get_model_weights", lambda _: SimpleNamespace(IMAGENET1K_V1=entry))
        return folder / name

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    path = published(f"resnet18-{found[:8]}.pth")
    build_model("resnet18", 16, "imagenet", seed=0)
    path.rename(folder / "own")
    published("resnet18-00000000.pth")
    with pytest.raises(
        StudyError, match=rf"is not the published one \(its SHA-256 begins with {found[:8]}\); remove it"
    ):
        build_model("resnet18", 16, "imagenet", seed=0)
