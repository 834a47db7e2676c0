import subprocess
from dataclasses import replace

from sijstudy.notebook import provenance


def test_without_a_checkout_the_commit_is_what_a_container_was_built_from(monkeypatch):
    def no_git(*arguments, cwd):
        raise subprocess.CalledProcessError(128, "git")

    monkeypatch.setattr(provenance, "_git", no_git)
    monkeypatch.setenv("SIJSTUDY_COMMIT", "")
    assert provenance.commit() == "not a git checkout"
    monkeypatch.setenv("SIJSTUDY_COMMIT", "abc123")
    assert provenance.commit() == "abc123"


def test_slices_on_which_no_joint_was_found_are_counted(sample_manifest):
    found = replace(sample_manifest, slices=sample_manifest.slices.iloc[3:])
    assert provenance.cohort_line(found, sample_manifest).endswith("Left out: 3 on which no joint was found.")
    assert "Left out" not in provenance.cohort_line(sample_manifest, sample_manifest)


def test_a_checkout_goes_before_what_a_container_says(monkeypatch):
    monkeypatch.setattr(provenance, "_git", lambda *arguments, cwd: "fff" if arguments[0] == "rev-parse" else "")
    monkeypatch.setenv("SIJSTUDY_COMMIT", "abc123")
    assert provenance.commit() == "fff"


def test_reports_that_the_run_writes_are_no_uncommitted_change(monkeypatch, tmp_path):
    folder = tmp_path / "sijstudy/notebook"
    for name in ("sijstudy/notebook/provenance.py", "reports/paper/index.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("as committed")
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@x")
    for arguments in (("init", "-q"), ("add", "."), ("commit", "-qm", "all")):
        subprocess.run([*git, *arguments], cwd=tmp_path, check=True)
    monkeypatch.setattr(provenance, "__file__", str(folder / "provenance.py"))
    (tmp_path / "reports/paper/index.html").write_text("of this run")
    assert len(provenance.commit()) == 40
    (folder / "provenance.py").write_text("changed")
    assert provenance.commit().endswith(" with uncommitted changes")
