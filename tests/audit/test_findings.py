"""Findings as one graded line each."""

import pytest

from sijstudy.audit import findings
from sijstudy.audit.findings import Finding


def test_findings_are_counted_and_told_in_one_line():
    found = [Finding("note", "a", "b."), Finding("grave", "files", "One\x1b[31m\nfile.", "Mend it.", "S00")]
    assert [one.grade for one in findings.by_grade(found)] == ["grave", "note"]
    assert findings.counted(found) == "1 grave finding, no warnings and 1 note"
    assert found[1].line() == "GRAVE    files        One [31m file. (S00) Mend it."
    with pytest.raises(ValueError, match="grade 'bad'"):
        Finding("bad", "a", "b")
