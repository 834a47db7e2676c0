"""Kept predictions: read back as they were, refused when a file, a parameter or the cohort is another."""

import re
import shutil
from dataclasses import replace

import pandas as pd
import pytest

from sijstudy.analysis.slice_courses import add_courses, collect_predictions
from sijstudy.cohort.manifest import cohort_hash
from sijstudy.errors import StudyError
from sijstudy.files import read_json, write_json
from sijstudy.notebook.kept_workspace import KeptWorkspace, kept_workspace
from sijstudy.notebook.opening import open_workspace
from sijstudy.training.kept_run import ABOUT, COHORT, KeptContent, open_kept, require_same, write_kept

ARMS = ("original", "roi")


@pytest.fixture(scope="module")
def original(finished_work, tmp_path_factory):
    """The sample study's predictions, kept as a run keeps them."""
    work, runs = finished_work
    for arm in ARMS:
        courses = add_courses(collect_predictions(runs[arm], work.groups), work.config)
        work.folder.save_table(f"predictions_{arm}", courses)
    content = KeptContent(
        work.config, work.folder, {COHORT: work.manifest}, runs,
        tuple(f"predictions_{arm}" for arm in ARMS), {"commit": "abc", "device": "a far one", "torch": "1"},
    )  # fmt: skip
    return write_kept(tmp_path_factory.mktemp("kept") / "kept", content).parent


@pytest.fixture
def kept(original, tmp_path):
    return shutil.copytree(original, tmp_path / "kept")


def test_tables_folds_and_cohort_come_back_as_they_were(finished_work, kept):
    work, runs = finished_work
    again = kept_workspace(kept, work.root)
    for arm in ARMS:
        pd.testing.assert_frame_equal(
            again.folder.load_table(f"predictions_{arm}"), work.folder.load_table(f"predictions_{arm}")
        )
        found = again.train_folds((arm,), again.folds)[arm]
        pd.testing.assert_frame_equal(
            collect_predictions(found, again.groups), collect_predictions(runs[arm], work.groups)
        )
        pd.testing.assert_frame_equal(found[1].history(), runs[arm][1].history())
    assert again.folds == work.folds
    assert cohort_hash(again.manifest) == cohort_hash(work.manifest)
    assert again.training_time({"roi": found}) == work.training_time({"roi": runs["roi"]})
    assert "commit abc" in again.origin["predictions"]
    told = again.finish("05_subject_diagnosis", "Title", "Answer.", [])
    assert (told["device"], told["torch"]) == (
        "a far one",
        "1",
    )  # where the scores were computed, not where these lines are


def test_no_pixels_and_no_weights_are_kept(kept):
    assert {path.suffix for path in kept.rglob("*") if path.is_file()} == {".csv", ".json"}
    assert sum(path.stat().st_size for path in kept.rglob("*")) < 200_000


def test_the_same_run_is_kept_in_the_same_bytes(finished_work, kept, original):
    work, runs = finished_work
    (kept / "stray.csv").touch()
    tables = tuple(f"predictions_{arm}" for arm in ARMS)
    origin = {"commit": "abc", "device": "a far one", "torch": "1"}
    write_kept(kept, KeptContent(work.config, work.folder, {COHORT: work.manifest}, runs, tables, origin))
    assert (kept / ABOUT).read_bytes() == (original / ABOUT).read_bytes()
    assert not (kept / "stray.csv").exists()


@pytest.mark.parametrize(
    "name", ["tables/predictions_roi.csv", "fits/roi_1/history.csv", "cohort/slices.csv", "folds.json"]
)
def test_a_changed_file_is_refused_by_its_name(kept, name):
    text = (kept / name).read_text()
    (kept / name).write_text(text.replace("1", "2", 1))
    with pytest.raises(StudyError) as caught:
        open_kept(kept)
    assert str(caught.value).startswith(f"{kept / name}: is not as the run kept it")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named_and_a_missing_folder_too(kept, tmp_path):
    (kept / "tables/predictions_original.csv").unlink()
    with pytest.raises(StudyError, match=r"predictions_original\.csv: no such file, .*git checkout .*run --keep"):
        open_kept(kept)
    with pytest.raises(StudyError, match="no predictions are kept in"):
        open_kept(tmp_path / "nowhere")


def test_a_file_that_was_not_kept_is_not_read(kept):
    (kept / "tables/predictions_automatic_roi.csv").write_text("fold\n1\n")
    (kept / ".DS_Store").touch()
    with pytest.raises(StudyError, match=r"predictions_automatic_roi\.csv: was not kept by the run"):
        open_kept(kept)


def test_what_was_kept_stays_where_a_file_to_keep_is_missing(finished_work, kept, original):
    work, runs = finished_work
    content = KeptContent(work.config, work.folder, {COHORT: work.manifest}, runs, ("predictions_gone",), {})
    with pytest.raises(StudyError, match=r"predictions_gone\.csv is missing, so no predictions are kept"):
        write_kept(kept, content)
    assert (kept / ABOUT).read_bytes() == (original / ABOUT).read_bytes()


@pytest.mark.parametrize("text", [b"\x89PNG\x00\xff", "{}".encode("utf-16"), b"[" * 100_000, b"{", b"[]", b"7"])
def test_an_account_that_is_another_file_is_refused_in_one_line(kept, text):
    (kept / ABOUT).write_bytes(text)
    with pytest.raises(
        StudyError, match=rf"^{re.escape(str(kept / ABOUT))}: is n.* restore it \(git checkout"
    ) as caught:
        open_kept(kept)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", [{"files": 1}, {"cohorts": None}, {"parameters": []}])
def test_a_broken_account_is_refused(kept, change):
    write_json(kept / ABOUT, {**read_json(kept / ABOUT), **change})
    with pytest.raises(StudyError, match=r"kept\.json"):
        open_kept(kept)


def test_a_manifest_whose_hash_is_another_is_refused(kept):
    about = read_json(kept / ABOUT)
    about["cohorts"][COHORT]["hash"] = "0"
    write_json(kept / ABOUT, about)
    with pytest.raises(StudyError, match="is not the cohort that was predicted"):
        open_kept(kept)


def test_other_parameters_are_refused_unless_predictions_do_not_depend_on_them(finished_work, kept):
    work, _ = finished_work
    run = open_kept(kept)
    require_same(run, replace(work.config, profile="other", median_size=5, subject_threshold=0.4), work.root)
    with pytest.raises(StudyError, match="made with epochs=1, not 2"):
        require_same(run, replace(work.config, epochs=2), work.root)


def test_another_cohort_in_its_place_is_refused(finished_work, kept, tmp_path):
    work, _ = finished_work
    name = work.manifest.name
    shutil.copytree(kept / COHORT, tmp_path / "data_manifest" / name)
    config = replace(open_kept(kept).config, manifest="")
    kept_about = read_json(kept / ABOUT)
    write_json(kept / ABOUT, {**kept_about, "parameters": {**kept_about["parameters"], "manifest": ""}})
    require_same(open_kept(kept), config, tmp_path)
    file = tmp_path / "data_manifest" / name / "slices.csv"
    table = pd.read_csv(file, dtype=str)
    table.assign(label=(1 - table["label"].astype(int)).astype(str)).to_csv(file, index=False)
    with pytest.raises(StudyError, match="another cohort"):
        require_same(open_kept(kept), config, tmp_path)


def test_what_takes_images_or_networks_is_refused_in_words(finished_work, kept):
    work, _ = finished_work
    again = kept_workspace(kept, work.root)
    for call in (lambda: again.patches("roi"), again.networks, again.score_whole, again.baselines):
        with pytest.raises(StudyError, match=str(kept)):
            call()
    with pytest.raises(StudyError, match="fold 1 is not the one"):
        again.train_folds(("roi",), (replace(again.folds[0], test=again.folds[0].test[1:]),))


def test_a_notebook_gets_it_by_the_parameter(finished_work, kept):
    work, _ = finished_work
    values = {name: getattr(work.config, name) for name in work.config.names()}
    opened = open_workspace({**values, "kept": str(kept), "profile": "again"}, work.root)
    assert isinstance(opened, KeptWorkspace)
    assert opened.folder.root == work.root / "runs/again"
    assert opened.kept.folder == kept
