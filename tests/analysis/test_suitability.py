"""A series that is not of the training images' kind is refused, and the message says which run would fit."""

import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from dicom_samples import bone_masks, seg_dataset, write
from hospital_samples import AXIAL, STIR, T1_GD, series_of_slices

from sijstudy import cli
from sijstudy.analysis import suitability as module
from sijstudy.analysis.suitability import FIND, WHOLE, fitting_subject, suitability
from sijstudy.cohort import ilium_boxes
from sijstudy.cohort.cohort_kinds import kinds_of
from sijstudy.cohort.image_kind import ImageKind
from sijstudy.cohort.subject_folder import GUESS
from sijstudy.errors import StudyError
from sijstudy.records import Box, IliumBoxes
from sijstudy.segmentation.joint_boxes import FoundBoxes
from sijstudy.training.image_kinds import KINDS, kinds_known_to, runs_that_know
from sijstudy.training.networks import open_networks

GD = ImageKind("T1", "suppressed", "given", "coronal")
BARE = {"RepetitionTime": None, "EchoTime": None, "ScanningSequence": None, "SeriesDescription": "cor"}
T2_FS = {"SeriesDescription": "t2_fs_cor", "ScanOptions": "FS", "RepetitionTime": 4000, "EchoTime": 70}
T1 = {"SeriesDescription": "t1_tse_cor", "ScanOptions": "", "ContrastBolusAgent": "Gadovist"}
DWI = {"SeriesDescription": "ep2d_diff_b800", "ScanningSequence": "EP", "RepetitionTime": 5000, "EchoTime": 70}


@pytest.fixture
def runs(finished_work, tmp_path):
    """Copies of the sample run: networks of Gd-enhanced fat-suppressed T1, of STIR, and of nobody knows what."""
    work, _ = finished_work
    for name, kind in (("gd", GD), ("stir", ImageKind("STIR", "suppressed", plane="coronal")), ("old", None)):
        noted = json.loads((work.folder.root / "fits.json").read_text())
        for by_fold in noted["fits"].values():
            for fold, address in by_fold.items():
                by_fold[fold] = f"{name}{address}"
                copy = shutil.copytree(work.store.root / "fits" / address, tmp_path / f"runs/fits/{name}{address}")
                (copy / KINDS).unlink()
                if kind:
                    rows = [{**vars(kind), "subjects": 19}, {**vars(ImageKind("T2", plane="axial")), "subjects": 1}]
                    (copy / KINDS).write_text(json.dumps({"kinds": rows}))
        noted["config"]["manifest"] = "gone"
        (tmp_path / "runs" / name).mkdir()
        (tmp_path / "runs" / name / "fits.json").write_text(json.dumps(noted))
    return tmp_path / "runs"


def folder_of(root, *series):
    """A subject of these series; outlines are of the first."""
    made = [series_of_slices(3, number, **tags) for number, tags in enumerate(series, 2)]
    for number, slices in enumerate(made):
        for step, ds in enumerate(slices):
            write(ds, root / f"{number}-{step}.dcm")
    write(seg_dataset(made[0], np.stack([bone_masks(1)] * 3)), root / "seg.dcm")
    return root


def diagnosed(folder, run, *more):
    command = ["diagnose", str(folder), "--run", str(run), "--device", "cpu", "--fold", "1", *more]
    return cli.main([*command, "--output", str(folder.parent / "out")])


@pytest.mark.parametrize(
    ("tags", "named"),
    [
        (STIR, "series is STIR, coronal; the networks were trained on Gd-enhanced T1 with fat suppression, coronal: "
               "weighting differs."),
        (T1, "Gd-enhanced T1 without fat suppression, coronal; .*: fat suppression differs"),
        (T2_FS, "The series is T2 with fat suppression, coronal; .*: weighting differs"),
        (DWI, "The series is diffusion, coronal; "),
        ({**T1_GD, "ImageOrientationPatient": AXIAL}, "fat suppression, axial; .*: plane differs"),
        ({**T1_GD, "ContrastBolusAgent": "NONE", "SeriesDescription": "t1 fs"}, "without .*: contrast agent differs"),
        (BARE, "does not tell weighting, fat suppression and contrast agent; .* State it with --contrast"),
    ],
)  # fmt: skip
def test_another_kind_is_refused_in_one_line(runs, tmp_path, capsys, tags, named):
    assert diagnosed(folder_of(tmp_path / "S", tags), runs / "gd") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "subject S: series '2 " in error
    assert not (tmp_path / "out").exists()
    assert re.search(named, error)


def test_the_refusal_names_the_run_that_fits(runs, tmp_path, capsys):
    assert diagnosed(folder_of(tmp_path / "S", STIR), runs / "gd") == 2
    assert "Trained on such images: --run runs/stir." in capsys.readouterr().err
    fit = next(iter(open_networks(runs / "gd").runs["roi"].values())).folder
    assert diagnosed(tmp_path / "S", fit) == 2
    assert "Trained on such images: --run runs/stir." in capsys.readouterr().err
    assert diagnosed(folder_of(tmp_path / "D", DWI), runs / "gd") == 2
    assert "No run in runs/ was trained on such images." in capsys.readouterr().err


def test_the_run_that_fits_takes_its_series_by_itself(runs, tmp_path, capsys):
    folder = folder_of(tmp_path / "S", STIR, T1_GD)
    assert diagnosed(folder, runs / "stir") == 0
    content = json.loads((tmp_path / "out/diagnosis.json").read_text())
    assert (content["input"]["series"], content["images"]["fits"]) == ("2 stir_obl_cor", True)
    assert content["images"]["sentence"] == ""
    assert "--force" not in capsys.readouterr().out


def test_force_goes_on_and_every_output_says_so(runs, tmp_path, capsys):
    assert diagnosed(folder_of(tmp_path / "S", STIR), runs / "gd", "--force") == 0
    said = "Made by --force, although the series is not known to fit these networks. The series is STIR, coronal;"
    content = json.loads((tmp_path / "out/diagnosis.json").read_text())
    assert said in capsys.readouterr().out and said in (tmp_path / "out/diagnosis.html").read_text()
    assert said in content["images"]["sentence"]
    assert (content["images"]["fits"], content["images"]["differs"]) == (False, ["weighting"])
    assert content["images"]["series"]["weighting"] == "STIR" and content["images"]["trained"]["weighting"] == "T1"


def test_what_the_header_leaves_open_may_be_stated_but_not_overruled(runs, tmp_path, capsys):
    assert diagnosed(folder_of(tmp_path / "S", BARE), runs / "gd", "--contrast", "gd_t1") == 0
    assert diagnosed(folder_of(tmp_path / "T", STIR), runs / "gd", "--contrast", "gd_t1") == 2
    assert diagnosed(tmp_path / "S", runs / "gd", "--contrast", "stir") == 2
    assert "The series is STIR, coronal" in capsys.readouterr().err


def test_an_unnamed_agent_is_told_and_stops_nothing(runs, tmp_path, capsys):
    tags = {**T1_GD, "ContrastBolusAgent": "", "SeriesDescription": "t1_fs_cor"}
    assert diagnosed(folder_of(tmp_path / "S", tags), runs / "gd") == 0
    assert "Its header does not tell contrast agent; the networks were trained on Gd-enh" in capsys.readouterr().out


def test_a_series_whose_first_file_alone_fits_is_refused(runs, tmp_path, capsys):
    """Two files and their values are named; by force every output says so, and nothing stated makes it whole."""
    tags = {**T1_GD, "SeriesDescription": "t1 cor"}
    folder, plain = folder_of(tmp_path / "S", tags), {**tags, "ScanOptions": "PFP", "ContrastBolusAgent": ""}
    for step in (1, 2):
        write(series_of_slices(3, 2, **plain)[step], folder / f"0-{step}.dcm")
    said = (
        "not of one kind: 0-0.dcm (fat suppression suppressed, contrast agent given) and 0-1.dcm (fat suppression not "
        "suppressed, contrast agent not told)."
    )
    for more in ((), ("--contrast", "gd_t1")):
        assert diagnosed(folder, runs / "gd", *more) == 2
        error = capsys.readouterr().err
        assert said in error and "Keep the files of one kind, or export" in error and error.count("\n") == 1
    assert diagnosed(folder, runs / "gd", "--contrast", "gd_t1", "--force") == 0
    content = json.loads((tmp_path / "out/diagnosis.json").read_text())
    assert said in capsys.readouterr().out and said in (tmp_path / "out/diagnosis.html").read_text()
    assert said in content["images"]["sentence"] and content["images"]["fits"] is False
    assert (content["images"]["series"]["fat"], content["images"]["mixed"]["fields"]) == ("unknown", ["fat", "agent"])
    assert "does not tell" not in content["images"]["sentence"]


def test_a_stated_contrast_that_the_header_contradicts_is_refused(runs, tmp_path, capsys):
    folder = folder_of(tmp_path / "S", STIR)
    assert diagnosed(folder, runs / "stir", "--contrast", "gd_t1") == 2
    said = (
        "'2 stir_obl_cor' is STIR, coronal by its header, --contrast gd_t1 states Gd-enhanced T1 with fat suppression"
    )
    assert f"{said}: weighting differs; leave --contrast out" in capsys.readouterr().err
    assert diagnosed(folder, runs / "gd", "--contrast", "gd_t1", "--force") == 0
    assert "Gd-enhanced STIR" not in (out := capsys.readouterr().out) and "The series is STIR, coronal;" in out
    assert "does not tell contrast agent" not in out  # nobody takes STIR after an agent


@pytest.mark.parametrize("share", [(85, 15), (45, 55)])
@pytest.mark.parametrize(
    "open_kind",
    [ImageKind(plane="coronal"), ImageKind("T1", plane="coronal"), ImageKind("T1", "suppressed", plane="coronal")],
)
def test_training_images_without_tags_vouch_for_nothing(tmp_path, share, open_kind):
    rows = [{**vars(kind), "subjects": number} for kind, number in zip((GD, open_kind), share, strict=True)]
    (tmp_path / KINDS).write_text(json.dumps({"kinds": rows}))
    networks = SimpleNamespace(runs={"roi": {1: SimpleNamespace(folder=tmp_path)}})
    others = (ImageKind("STIR", "suppressed", plane="coronal"), ImageKind("diffusion", plane="coronal"),
              ImageKind("T1", "not suppressed", "not given", "coronal"),
              ImageKind("T1", "suppressed", "not given", "coronal"))  # fmt: skip
    assert not any(suitability(kind, networks).fits for kind in others) and suitability(GD, networks).fits


def test_networks_of_unknown_training_say_so(runs, tmp_path, capsys):
    assert diagnosed(folder_of(tmp_path / "S", T1_GD), runs / "old") == 0
    out = capsys.readouterr().out
    assert "which images the networks were trained on is not known" in out


def test_kinds_are_kept_with_the_networks(finished_work, runs):
    work, _ = finished_work
    networks = open_networks(work.folder.root)
    assert kinds_known_to(networks) == (ImageKind("T1", plane="coronal"),)
    assert kinds_of(work.manifest) == {ImageKind("T1", plane="coronal"): 12}
    assert kinds_known_to(open_networks(runs / "gd")) == (GD,)  # one subject of twenty is no usual kind
    assert kinds_known_to(open_networks(runs / "old")) == ()
    assert runs_that_know(GD, runs) == ["gd"]
    open_fat = suitability(ImageKind("T1", plane="coronal"), networks)
    assert (
        open_fat.fits and open_fat.sentence == "Not known of the training images: fat suppression and contrast agent."
    )


@pytest.fixture
def of_bone_alone(tmp_path, monkeypatch):
    """(roi, boxes that the network finds) -> the subject of a folder whose SEG outlines all bone, and no ilium."""
    slices = series_of_slices(3, 2, **T1_GD)
    for step, ds in enumerate(slices):
        write(ds, tmp_path / f"S/{step}.dcm")
    bone = np.stack([bone_masks(1)[..., :3].any(axis=-1, keepdims=True)] * len(slices))
    write(seg_dataset(slices, bone, names=["bone"]), tmp_path / "S/seg.dcm")
    guess = IliumBoxes(Box(22, 5, 30, 21), None)
    monkeypatch.setattr(ilium_boxes, "propose_ilium_boxes", lambda *_: [guess, guess, None])
    monkeypatch.setattr(module, "kinds_known_to", lambda _: ())

    def subject(roi, found):
        monkeypatch.setattr(module, "see", lambda _: SimpleNamespace(boxes=lambda: found))
        asked = SimpleNamespace(
            roi=roi, boxes=None, segments=None, contrast="", series="", skip_broken=False, force=False
        )
        return fitting_subject(tmp_path / "S", SimpleNamespace(runs={"roi": {}}), tmp_path, asked)

    return subject


def test_the_network_is_asked_before_boxes_are_guessed_from_bone(of_bone_alone):
    """Nobody gave boxes where only all bone is outlined; a guess stands where the network finds no joint."""
    sure, none = FoundBoxes(IliumBoxes(Box(21, 4, 29, 20), None), 0.9), FoundBoxes(None, 0.0)
    both = of_bone_alone(FIND, [sure, none, none])
    assert [item.boxes and item.boxes.left.x0 for item in both.slices] == [21, 22, None]
    assert both.boxes_from == (f"the network that finds joints (nobody drew them; confidence 0.90 to 0.90) and {GUESS}")
    assert [np.isnan(own.confidence) for own in both.found] == [False, True, False]
    assert of_bone_alone(FIND, [none] * 3).boxes_from == GUESS


def test_whole_images_are_whole_although_boxes_could_be_guessed(of_bone_alone):
    whole = of_bone_alone(WHOLE, [])
    assert (whole.boxes_from, whole.found, [item.boxes for item in whole.slices]) == ("", (), [None] * 3)


def test_neither_a_joint_nor_a_guess_is_refused(of_bone_alone, monkeypatch):
    monkeypatch.setattr(ilium_boxes, "propose_ilium_boxes", lambda *_: [None] * 3)
    with pytest.raises(StudyError, match="no sacroiliac joint was found on any of 3 slices; give ilium boxes"):
        of_bone_alone(FIND, [FoundBoxes(None, 0.0)] * 3)


def test_whole_images_are_whole_although_somebody_gave_boxes(runs, tmp_path, capsys):
    """The SEG of the folder outlines the ilia; it was used without a word."""
    folder = folder_of(tmp_path / "S", T1_GD)
    assert diagnosed(folder, runs / "gd", "--roi", "whole") == 0
    said = "--roi whole asks for them, so the ilium boxes of the DICOM SEG in its folder are not used."
    content = json.loads((tmp_path / "out/diagnosis.json").read_text())
    assert (content["input"]["arm"], content["input"]["boxes_from"]) == ("original", None)
    page = (tmp_path / "out/diagnosis.html").read_text()
    assert said in capsys.readouterr().out and said in page and "as whole images were asked for (--roi whole)" in page
    (folder / "seg.dcm").unlink()
    assert diagnosed(folder, runs / "gd", "--roi", "whole") == 0
    assert "Whole images are used: --roi whole asks for them. In the paper" in capsys.readouterr().out
    assert diagnosed(folder, runs / "gd", "--roi", "whole", "--boxes", str(tmp_path / "b.csv")) == 2
    assert "--roi whole asks for whole images, --boxes" in capsys.readouterr().err


def test_a_second_reader_that_cannot_look_stops_only_who_needs_it(runs, tmp_path, capsys, monkeypatch):
    """Its refusal said to give boxes, and came again when they were given."""
    folder = folder_of(tmp_path / "S", T1_GD)

    def blind(slices):
        raise StudyError(f"{slices[0].file.parent}: slices of 2 sizes or spacings; choose it, or give boxes")

    monkeypatch.setattr(module, "see", blind)
    said = "There is no second reader, the network that outlines bones cannot look: slices of 2 sizes or spacings."
    for more in ((), ("--roi", "whole")):
        assert diagnosed(folder, runs / "gd", *more) == 0
        content = json.loads((tmp_path / "out/diagnosis.json").read_text())
        assert said in capsys.readouterr().out and said in (tmp_path / "out/diagnosis.html").read_text()
        assert content["edema"] == {"volume_ml": None, "sentence": said}
    (folder / "seg.dcm").unlink()
    assert diagnosed(folder, runs / "gd") == 2
    assert "give boxes" in capsys.readouterr().err
