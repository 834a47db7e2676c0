"""Building the manifest of a sample cohort in a test."""

import pandas as pd
import pytest

from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.manifest import read_account
from sijstudy.cohort.options import BuildOptions
from sijstudy.errors import StudyError

BOX_EDGES = ("left_x0", "left_y0", "left_x1", "left_y1", "right_x0", "right_y0", "right_x1", "right_y1")


def build(root, folder="manifest", workers=1, **options):
    given = {"name": "sample", "source": "hospital", "subjects_csv": root / "subjects.csv"}
    return build_manifest(
        root, root.parent / folder, BuildOptions(**{**given, **options}), workers=workers, progress=False
    )


def voted(root, **options):
    return build(root, votes_csv=root / "votes.csv", **options)


def refused(root, words, **options):
    """The build fails in one line that holds ``words``, and leaves nothing behind."""
    with pytest.raises(StudyError, match=words) as caught:
        build(root, **options)
    assert "\n" not in str(caught.value)
    assert [path.name for path in root.parent.iterdir() if path.name != root.name] in ([], ["side.csv"])


def account_of(manifest):
    account = read_account(manifest.folder)
    assert (account["reason"] == "").equals(account["outcome"] == "used")
    return account


def change_csv(path, row, **cells):
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame.loc[row, list(cells)] = list(cells.values())
    frame.to_csv(path, index=False)


def uid_of(root, subject, index):
    rows = pd.read_csv(root / "votes.csv", dtype=str).query("subject_id == @subject")
    return rows["sop_instance_uid"].iloc[index]
