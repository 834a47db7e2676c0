"""Model card and reporting checklist of a finished run, each one HTML page from its saved results.

The card has the headings of Mitchell et al. 2019; the checklist the items of CLAIM 2024 and TRIPOD+AI from
``templates/checklist.yaml``. Both say so where this run did not compute what they would show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from sijstudy import __version__
from sijstudy.aggregation import RULES
from sijstudy.analysis.calibration import format_table
from sijstudy.analysis.edema_reach import EdemaReach
from sijstudy.analysis.fold_summary import tested_sentence
from sijstudy.analysis.slice_courses import subject_limit
from sijstudy.config import StudyConfig
from sijstudy.files import write_atomic
from sijstudy.folds import Fold, load_folds
from sijstudy.study.card_facts import (
    sentence_of_baselines,
    sentence_of_counts,
    sentence_of_labels,
    sentence_of_reach,
    sentence_of_training,
    words_of_method,
)
from sijstudy.study.index import headline_row
from sijstudy.study.numbers import anchors_of, numbers_of
from sijstudy.study.templating import render
from sijstudy.training.store import StudyFolder

MODEL_CARD, CHECKLIST = "model_card.html", "checklist.html"
STATUSES = ("answered", "partly", "not reported", "not applicable")


@dataclass(frozen=True)
class Facts:
    """What the pages are made of.

    folder: tables of the run. results: notebook name -> the answer it left in this very run; a notebook that
    is missing did not run. synthetic: no patient is behind the cohort. slices: the cohort's, as in its manifest, None
    where it cannot be read. reach: of its edema beyond the ROI, None where none is outlined. sought: notebook 04 also
    measured its networks on ilium boxes that a network found.
    """

    config: StudyConfig
    folder: StudyFolder
    results: Mapping[str, Mapping[str, Any]]
    synthetic: bool
    slices: pd.DataFrame | None = None
    reach: EdemaReach | None = None
    sought: bool = False

    def has(self, number: str) -> bool:
        """Whether the notebook with this number was part of the run."""
        return any(name.startswith(f"{number}_") for name in self.results)

    @property
    def external(self) -> bool:
        """Whether the networks were tested on another cohort in this run."""
        return bool(self.config.external_manifest and self.of("07").get("headline"))

    @property
    def ablated(self) -> bool:
        """Whether variants of the study were tried in this run."""
        return self.config.ablations != "none" and self.has("08")

    @property
    def folds(self) -> tuple[Fold, ...]:
        """The folds that this run split the subjects into; none without notebook 02."""
        known = self.has("02") and self.folder.folds_file.exists()
        return tuple(load_folds(self.folder.folds_file)) if known else ()

    @property
    def baselines(self) -> pd.DataFrame | None:
        """Notebook 04's networks beside baselines; None where it did not run, or ran before it had them."""
        known = self.has("04") and (self.folder.root / "tables" / "baselines.csv").exists()
        return self.folder.load_table("baselines") if known else None

    @property
    def sentences(self) -> dict[str, str]:
        """Facts of this run as sentences: name in braces, as an answer of the checklist holds it -> text."""
        return {
            "tested": tested_sentence(self.folds),
            "labels": sentence_of_labels(self.slices),
            "training": sentence_of_training(self.config),
            "counts": sentence_of_counts(self.slices),
            **words_of_method(self.config, self.slices),
            "baselines": sentence_of_baselines(self.baselines),
            "reach": sentence_of_reach(self.reach, self.config),
        }

    def of(self, number: str) -> Mapping[str, Any]:
        """The answer of the notebook with this number; empty without one."""
        return next((result for name, result in self.results.items() if name.startswith(f"{number}_")), {})


def write_cards(facts: Facts, reports: Path) -> None:
    """Write both pages into the folder of the reports; index.html is linked and may come later."""
    for name, text in ((MODEL_CARD, render_model_card), (CHECKLIST, render_checklist)):
        page = text(facts, reports).encode()
        write_atomic(reports / name, lambda file, page=page: file.write(page))  # type: ignore[misc]


def render_model_card(facts: Facts, reports: Path) -> str:
    """The model card as HTML."""
    origin: Mapping[str, str] = next((r["provenance"] for r in facts.results.values() if "provenance" in r), {})
    rows = [headline_row(number) for number in numbers_of(facts.results, reports)]
    return render(
        "model_card.html.j2",
        config=facts.config,
        rule=RULES[facts.config.subject_rule].title,
        limit=subject_limit(facts.config),
        synthetic=facts.synthetic,
        origin=origin,
        headline=rows,
        training=_training_data(facts),
        tested=_test_data(facts),
        sentences=facts.sentences,
        calibration=_calibration(facts),
        subgroups=_subgroups(facts),
        answers={number: str(facts.of(number).get("answer", "")) for number in ("03", "04", "05", "06", "07", "09")},
        external=facts.external,
        sought=facts.sought and facts.has("04"),
        version=__version__,
    )


def render_checklist(facts: Facts, reports: Path) -> str:
    """The checklist as HTML, each answer with links to the reports that give it."""
    pages = _pages(facts, reports)
    guidelines = []
    for guideline in read_checklist():
        items = [_item(entry, facts, pages) for entry in guideline["items"]]
        counts = Counter(item["status"] for item in items)
        guidelines.append({**guideline, "items": items, "counts": {name: counts[name] for name in STATUSES}})
    return render(
        "checklist.html.j2",
        guidelines=guidelines,
        profile=facts.config.profile,
        synthetic=facts.synthetic,
        version=__version__,
    )


def read_checklist() -> list[dict[str, Any]]:
    """The guidelines with their items, as ``templates/checklist.yaml`` has them."""
    text = (files("sijstudy") / "study" / "templates" / "checklist.yaml").read_text(encoding="utf-8")
    return list(yaml.safe_load(text)["guidelines"])


def _item(entry: Mapping[str, Any], facts: Facts, pages: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """An item for this kind of run; one whose reports are all missing from this run is not reported in it."""
    item = dict(entry) if facts.synthetic else {**entry, **entry.get("hospital", {})}
    item |= entry.get("external", {}) if facts.external else {}
    item |= entry.get("ablated", {}) if facts.ablated else {}
    for name, text in facts.sentences.items():
        item["answer"] = item["answer"].replace(f"{{{name}}}", text or "Not known in this run.")
    links = [{"target": link, "text": _link_text(link, pages)} for link in item["links"]]
    known = [link for link in links if link["text"]]
    if links and not known:
        item["status"] = "not reported"
        item["answer"] += " The report that shows it is not part of this run."
    return {**item, "links": known}


def _link_text(link: str, pages: Mapping[str, Mapping[str, str]]) -> str:
    """What a link says: the report's number and the section's heading; empty when it leads nowhere."""
    page, _, anchor = link.partition("#")
    if page not in pages or (anchor and anchor not in pages[page]):
        return ""
    name = page.removesuffix(".html")
    name = name.split("_")[0] if name[0].isdigit() else name.replace("_", " ")
    return f"{name}: {pages[page][anchor]}" if anchor else name


def _pages(facts: Facts, reports: Path) -> dict[str, dict[str, str]]:
    """Pages of this run -> anchor -> text of its heading."""
    names = [*(f"{name}.html" for name in facts.results), MODEL_CARD]
    found = {name: anchors_of(reports / name) for name in names if (reports / name).exists()}
    return {**found, "index.html": {}}


def _training_data(facts: Facts) -> dict[str, Any]:
    """Subjects of the training part of each fold."""
    sizes = [len(fold.train) for fold in facts.folds]
    return {"folds": len(sizes), "fewest": min(sizes), "most": max(sizes)} if sizes else {}


def _test_data(facts: Facts) -> dict[str, Any]:
    """Different people, diagnoses and slices behind the results, and the share of diagnoses of axSpA subjects."""
    if not (facts.has("04") and facts.has("05")):
        return {}
    subjects, slices = facts.folder.load_table("subjects"), facts.folder.load_table("predictions_roi")
    return {
        "people": subjects["subject_id"].nunique(),
        "diagnoses": len(subjects),
        "slices": len(slices),
        "prevalence": 100 * subjects["label"].mean(),
    }


def _calibration(facts: Facts) -> list[tuple[str, str, dict[str, str]]]:
    """Rows (slices or subjects, measure, cells) of notebook 04's calibration tables."""
    if not facts.has("04"):
        return []
    tables = {
        name: facts.folder.load_table(f"calibration_{name}").set_index("measure") for name in ("slices", "subjects")
    }
    return [(unit, measure, dict(row)) for (unit, measure), row in format_table(tables).iterrows()]


def _subgroups(facts: Facts) -> list[dict[str, str]]:
    """Notebook 05's subgroups as text; a dash where a subgroup has no subject of a class."""
    if not facts.has("05"):
        return []
    table = facts.folder.load_table("subgroups")
    return [
        {name: f"{value:.1f}" if isinstance(value, float) and value == value else "–" if value != value else str(value)
         for name, value in row.items()}
        for row in table.to_dict(orient="records")
    ]  # fmt: skip
