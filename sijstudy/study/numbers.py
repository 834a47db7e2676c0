"""The headline numbers of a run, gathered from what its notebooks left into numbers.json."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sijstudy import __version__
from sijstudy.config import WHERE_ONLY
from sijstudy.files import write_json
from sijstudy.study.numbers_file import NUMBERS, SCHEMA_VERSION
from sijstudy.study.plan import StudyPlan
from sijstudy.study.results import answered, is_synthetic, result_of

DIGITS = 6  # decimals kept: fewer than the last bits that differ between processors, more than anybody reads
MADE_WITH = ("sijstudy", "commit", "device", "precision", "torch")  # rows of the provenance that can move a number
ANCHOR = re.compile(r'<h[1-6][^>]*\bid="([^"]+)"[^>]*>(.*?)</h[1-6]>', re.DOTALL)


def write_numbers(plan: StudyPlan) -> dict[str, Any]:
    """Write ``numbers.json`` beside the reports, of the notebooks that these parameters answered; returns its content.

    Nothing in it depends on when it is written.
    """
    results = {notebook.stem: result_of(plan, notebook) for notebook in answered(plan)}
    origins = [result.get("provenance", {}) for result in results.values()]
    made_with = {name: "; ".join(dict.fromkeys(each[name] for each in origins if name in each)) for name in MADE_WITH}
    content = {
        "schema_version": SCHEMA_VERSION,
        "profile": plan.config.profile,
        "seed": plan.config.seed,
        "made_with": {"sijstudy": __version__, **{name: text for name, text in made_with.items() if text}},
        "cohort": {
            "source": "synthetic" if is_synthetic(plan, list(results.values())) else "given",
            "hash": next((each["cohort_hash"] for each in origins if "cohort_hash" in each), ""),
            "description": next((each["cohort"] for each in results.values() if each.get("cohort")), ""),
        },
        "parameters": {name: value for name, value in plan.parameters.items() if name not in WHERE_ONLY},
        "unanswered": [notebook.stem for notebook in plan.notebooks if notebook.stem not in results],
        "numbers": numbers_of(results, plan.reports),
    }
    write_json(plan.reports / NUMBERS, content)
    return content


def numbers_of(results: Mapping[str, Mapping[str, Any]], reports: Path) -> list[dict[str, Any]]:
    """The entries ``numbers`` of the file, in the order of the notebooks.

    results: notebook -> its answer, whose ``headline`` holds fields of ``headline.Headline``. reports: folder
    of their pages.
    """
    found: list[dict[str, Any]] = []
    for notebook, result in results.items():
        page = reports / f"{notebook}.html"
        headings = {text: anchor for anchor, text in reversed(anchors_of(page).items())} if page.exists() else {}
        for entry in result.get("headline", []):
            if "section" not in entry:
                continue  # an earlier version left it, in another form; its notebook has to run again
            rest = {key: _rounded(value) for key, value in entry.items() if key != "section"}
            heading = entry["section"]
            place = {"page": page.name, "heading": heading, "anchor": headings.get(heading, "")}
            found.append({"id": f"{notebook}/{_slug(entry['name'])}", **rest, "place": place})
    return found


def anchors_of(page: Path) -> dict[str, str]:
    """Anchors of a page's headings, anchor -> text."""
    text = page.read_text(encoding="utf-8")
    return {anchor: html.unescape(re.sub(r"<[^>]+>", "", inner)).strip() for anchor, inner in ANCHOR.findall(text)}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return round(value, DIGITS) if isinstance(value, float) else value


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "number"
