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
