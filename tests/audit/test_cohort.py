"""The whole audit on the command line: its exit status."""

import json

from sijstudy import cli


def test_audit_exits_with_one_on_a_grave_finding(faulty, capsys, tmp_path):
    def name(subject, step, dataset):
        dataset.PatientName = "Doe^Jane" if subject == 2 else ""

    manifest, report = faulty(name), tmp_path / "audit.json"
    assert cli.main(["audit", str(manifest.folder), "--json", str(report)]) == 1
    out = capsys.readouterr().out
    assert out.splitlines()[0].startswith(
        "GRAVE    identity     Names of persons: PatientName (0010,0010). (3 of 50 files)"
    )
    assert "Doe" not in out + report.read_text()
    written = json.loads(report.read_text())
    assert written["counts"]["grave"] == 1
    assert written["findings"][0]["topic"] == "identity"


def test_audit_exits_with_zero_or_two(sample_manifest, sample_work, capsys, tmp_path):
    folds = ["--folds", str(sample_work.folder.folds_file)]
    assert cli.main(["audit", str(sample_manifest.folder), *folds]) == 0
    *_, checked, last = capsys.readouterr().out.splitlines()
    assert "no grave findings" in last
    assert checked.startswith("48 files were read and hashed: 36 of images, 12 of outlines. Of 12 DICOM SEG files only")
    assert cli.main(["audit", str(sample_manifest.folder), "--folds", str(tmp_path / "none.json")]) == 2
    assert cli.main(["audit", str(tmp_path)]) == 2
    leak = tmp_path / "folds.json"
    leak.write_text(json.dumps([{"number": 1, "train": ["S00", "S01"], "test": ["S00"]}]))
    assert cli.main(["audit", str(sample_manifest.folder), "--folds", str(leak)]) == 1
    assert "GRAVE    leakage      Fold 1: the same subject" in capsys.readouterr().out
