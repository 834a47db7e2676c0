"""numbers.json: the headline numbers of a run with all that another run is checked against (docs/NUMBERS.md)."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from sijstudy import __version__
from sijstudy.config import WHERE_ONLY
from sijstudy.errors import StudyError
from sijstudy.files import read_json, write_json
from sijstudy.study.plan import NUMBERS_KEPT, StudyPlan
from sijstudy.study.results import answered, is_synthetic, result_of

NUMBERS = "numbers.json"
SCHEMA_VERSION = 1
DIGITS = 6  # decimals kept: fewer than the last bits that differ between processors, more than anybody reads
KEPT = Path("reports") / NUMBERS_KEPT  # numbers that the repository keeps, a file for each profile and seed
MADE_WITH = ("sijstudy", "device", "precision", "torch")  # rows of the provenance that can move a number
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

    results: notebook -> its answer, whose ``headline`` holds fields of ``analysis.headlines.Headline``. reports: folder
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


def read_numbers(path: Path) -> dict[str, Any]:
    """The content of a file, or of the one in a folder of reports. StudyError when there is none, or it is broken."""
    file = path / NUMBERS if path.is_dir() else path
    if not file.is_file():
        reason = f"holds no {NUMBERS}; name the reports of a run that this version made, such as reports/quick"
        raise StudyError(f"{path} {reason if path.is_dir() else 'does not exist; name a folder of reports'}")
    content = read_json(file)
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, int) and version != SCHEMA_VERSION:
        raise StudyError(f"{file}: has schema version {version}, this sijstudy reads {SCHEMA_VERSION}; make it anew")
    if error := best_match(Draft202012Validator(schema()).iter_errors(content)):
        raise StudyError(f"{file}: {error.json_path}: {_short(error.message)}; make it anew, or undo the change")
    ids = [number["id"] for number in content["numbers"]]
    if twice := {one for one in ids if ids.count(one) > 1}:
        raise StudyError(f"{file}: {min(twice)} is there twice; make it anew, or undo the change")
    return dict(content)


def schema() -> dict[str, Any]:
    """The JSON Schema of the file."""
    return dict(json.loads((files("sijstudy") / "study" / "numbers.schema.json").read_text(encoding="utf-8")))


def kept_file(root: Path, profile: str, seed: int) -> Path:
    """Where the repository keeps the numbers of a profile and seed. StudyError when it keeps none."""
    file = root / KEPT / f"{profile}-seed{seed}.json"
    if not file.is_file():
        there = ", ".join(sorted(other.stem for other in (root / KEPT).glob("*.json"))) or "none"
        raise StudyError(
            f"no numbers are kept for profile {profile} and seed {seed} in {root / KEPT} (kept: {there}); "
            "choose one of these, name another run with --against, or keep some (docs/NUMBERS.md)"
        )
    return file


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


def _short(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:157]}..."
