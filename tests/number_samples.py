"""Entries and contents of numbers.json, made by hand."""

from dataclasses import asdict
from pathlib import Path

from sijstudy.config import StudyConfig
from sijstudy.files import write_json
from sijstudy.headline import Headline
from sijstudy.study.numbers import numbers_of

NOWHERE = Path("nowhere")


def entry(name="accuracy", value=92.1, low=None, high=None, **rest):
    """As ``numbers_of`` makes it of a notebook ``01_first`` without a page."""
    headline = Headline(name, "Result", value, low, high, **rest)
    return numbers_of({"01_first": {"headline": [asdict(headline)]}}, NOWHERE)[0]


def content(*numbers, profile="toy", seed=1, source="synthetic", cohort="beef", **parameters):
    """The whole file of a run with these entries."""
    config = {**asdict(StudyConfig(profile=profile, seed=seed)), **parameters}
    return {
        "schema_version": 1,
        "profile": profile,
        "seed": seed,
        "made_with": {"sijstudy": "0.1.0", "torch": "2"},
        "cohort": {"source": source, "hash": cohort, "description": ""},
        "parameters": config,
        "unanswered": [],
        "numbers": list(numbers),
    }


def written(folder, *numbers, **rest):
    """A folder of reports with nothing but the file; returns the folder."""
    write_json(folder / "numbers.json", content(*numbers, **rest))
    return folder
