"""What the identifying attributes of a cohort's files amount to: a table, and graded findings without any value."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from sijstudy.audit.findings import GRADES, Finding, Grade, listed
from sijstudy.audit.identity import OLDEST, Attribute, looks_like_a_name
from sijstudy.audit.inspection import FileFacts

SHOWN = 8  # attributes named in one sentence


@dataclass(frozen=True)
class Category:
    """How findings speak of a kind of attribute: what is there, and what to do about it."""

    what: str
    advice: str


CATEGORIES = {
    "name": Category("Names of persons", "Replace or empty them before anyone else gets the files."),
    "number": Category("Hospital numbers or addresses", "Remove them: each leads to one person."),
    "birth": Category("A birth date", "Empty it; the age in whole years stands in subjects.csv."),
    "burned": Category(
        "Hints that text is burned into the images", "Look at them; clean or leave out those with text."
    ),
    "path": Category(
        "Paths that repeat a name, date or number of the header", "Rename them; build the manifest again."
    ),
    "id": Category("An identifier that is not the subject_id", "Make sure it is a pseudonym, or replace it."),
    "code": Category("Codes in the place of names", "Make sure none is made from name, birth date or hospital number."),
    "date": Category("Dates", "Remove them, or shift each person's by a random number of days."),
    "place": Category("Institution or device", "Remove or replace them: they narrow the search to one place."),
    "text": Category("Free text, which can hold anything", "Read it; remove it or keep fixed words only."),
    "private": Category("Private elements", "Remove them, but for those the vendor documents as safe."),
    "age": Category(f"An age above {OLDEST} years", f"Write {OLDEST}: so few are older that age can identify them."),
    "other": Category("Further attributes of the profile", "Let the anonymiser apply the profile."),
    "": Category("Filled in, and weak on their own or of nobody", ""),
}


def attributes_table(files: Sequence[FileFacts], source: str) -> pd.DataFrame:
    """A row per attribute that a file fills in and the basic profile changes, the gravest first.

    Columns tag, attribute, grade (the gravest of all files), files, what the profile does. Never a value.
    """
    found = defaultdict(list)
    for attribute, grade in _graded(files, source):
        found[(attribute.tag, attribute.name)].append((grade, attribute.action))
    rows = [
        (tag, name, min((grade for grade, _ in seen), key=GRADES.index), len(seen), seen[0][1])
        for (tag, name), seen in found.items()
    ]
    rows.sort(key=lambda row: (GRADES.index(row[2]), row[0]))
    return pd.DataFrame(rows, columns=["tag", "attribute", "grade", "files", "the profile says"])


def identity_findings(files: Sequence[FileFacts], source: str) -> list[Finding]:
    """A finding per kind of attribute that needs a decision, and one note on all that is merely filled in."""
    kinds: dict[tuple[Grade, str], Counter[str]] = defaultdict(Counter)
    for attribute, grade in _graded(files, source):
        if grade == "note":
            kinds[grade, ""][attribute.name] += 1
        else:
            kinds[grade, attribute.category][f"{attribute.name} {attribute.tag}"] += 1
    found = []
    for (grade, kind), names in sorted(kinds.items(), key=lambda entry: list(CATEGORIES).index(entry[0][1])):
        sentence = f"{CATEGORIES[kind].what}: {_names(names)}."
        advice = CATEGORIES[kind].advice
        found.append(Finding(grade, "identity", sentence, advice, _where(names, len(files))))
    return [*found, *_subject_ids(files)]


def _graded(files: Sequence[FileFacts], source: str) -> Iterator[tuple[Attribute, Grade]]:
    """Each file's attributes with their grade in this cohort: nobody can be identified in a computed one."""
    computed = _computed(files, source)
    for fact in files:
        for attribute in fact.attributes:
            yield attribute, "note" if fact.subject_id in computed else attribute.grade


def _computed(files: Sequence[FileFacts], source: str) -> set[str]:
    """Subjects of a synthetic cohort whose images all say that identity was removed; outlines follow their images."""
    if source != "synthetic":
        return set()
    doubtful = {fact.subject_id for fact in files if fact.kind == "image" and not fact.anonymised}
    return {fact.subject_id for fact in files} - doubtful


def _subject_ids(files: Sequence[FileFacts]) -> list[Finding]:
    """Pseudonyms are shown all over the reports; one of letters only is more likely a name."""
    names = {fact.subject_id for fact in files}
    suspects = [name for name in names if not re.search(r"\d", name) and looks_like_a_name(name)]
    if not suspects:
        return []
    sentence = "subject_id values without any digit look like names, and every report shows them."
    advice = "Give each person a pseudonym with a number, and build the manifest again."
    return [Finding("warning", "identity", sentence, advice, f"{len(suspects)} of {len(names)} subjects")]


def _where(names: Counter[str], files: int) -> str:
    return f"{'up to ' if len(names) > 1 else ''}{max(names.values())} of {files} files"


def _names(names: Counter[str]) -> str:
    return listed([name for name, _ in names.most_common()], SHOWN)
