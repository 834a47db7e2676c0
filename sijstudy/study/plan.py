"""What a run will do, checked as far as it can be before the first notebook runs."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sijstudy.cohort.manifest import load_manifest
from sijstudy.cohort.normal_marrow import require_bone
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.study import numbers_file
from sijstudy.study.earlier_run import require_free
from sijstudy.study.notebook_files import find_notebooks, read_notebook
from sijstudy.study.numbers_file import FROM_KEPT
from sijstudy.study.profiles import profile_settings

ABLATIONS = "08_ablations"
RESERVED = ("fits", "patches", "maps", "whole", "attention")  # folders beside runs/<profile>
KEPT = "paper"  # the profile whose reports the repository keeps; git leaves out all others
NETWORKS_NOT_NEEDED = (  # they train nothing
    *("01_data_audit", "05_subject_diagnosis", "07_external_validation", "09_whole_examinations"),
)
SELECTION, CANDIDATES = "03_resnet_selection", ("resnet18", "resnet50")  # Fig. 5


@dataclass(frozen=True)
class StudyPlan:
    """What to run and where everything goes.

    root: the project's folder, in which the notebooks run; base: the parameters as the profile file has
    them; config: the same with the user's own values; notebooks: all of the study; chosen: those to run;
    reports: the folder of this profile's HTML.
    """

    root: Path
    base: StudyConfig
    config: StudyConfig
    notebooks: tuple[Path, ...]
    chosen: tuple[Path, ...]
    reports: Path

    @property
    def runs(self) -> Path:
        """Folder in which the notebooks leave tables and results, and the runner what it executed."""
        return self.root / "runs" / self.config.profile

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters of the study, name -> value."""
        return asdict(self.config)

    @property
    def timings(self) -> Path:
        """Status and time of each notebook."""
        return self.runs / "timings.json"

    def executed(self, notebook: Path) -> Path:
        """Where papermill writes the executed notebook."""
        return self.runs / "notebooks" / notebook.name

    def page(self, notebook: Path) -> Path:
        """The notebook's report."""
        return self.reports / f"{notebook.stem}.html"


def reports_of(root: Path, profile: str, reports_root: Path | None = None) -> Path:
    """The folder of a profile's reports; reports_root: by default root/reports."""
    return (reports_root or root / "reports").resolve() / profile


def chosen_names(text: str | None) -> tuple[str, ...]:
    """The numbers or names in ``--only 01,02``; () when it was not given. StudyError when it names none."""
    names = tuple(filter(None, (part.strip() for part in (text or "").split(","))))
    if text is not None and not names:
        raise StudyError(f"--only {text!r} names no notebook; give numbers or names, such as --only 01,02")
    return names


def make_plan(
    profile: str | Path,
    *,
    root: Path,
    overrides: Mapping[str, Any] | None = None,
    notebooks: Sequence[Path] | None = None,
    only: Sequence[str] = (),
    reports_root: Path | None = None,
) -> StudyPlan:
    """Check all that can be checked before the first notebook runs. StudyError says what cannot work.

    profile: name of a file in notebooks/profiles, or a path. overrides: parameters that replace the
    profile's. notebooks: by default all of root/notebooks. only: numbers or names, e.g. ("01", "02").
    reports_root: by default root/reports.
    """
    root = root.resolve()
    if not (root / "notebooks").is_dir():
        raise StudyError(f"no folder 'notebooks' in {root}; start from the project's folder or name it with --root")
    base, config = profile_settings(profile, root, overrides or {})
    _check_name(config.profile)
    found = tuple(sorted(notebooks)) if notebooks is not None else find_notebooks(root)
    for notebook in found:
        read_notebook(notebook)
    chosen = _chosen(found, only)
    _check_given(config, root, chosen)
    plan = StudyPlan(root, base, config, found, chosen, reports_of(root, config.profile, reports_root))
    if config.kept and (root / config.kept).resolve().is_relative_to(plan.reports):
        raise StudyError(
            f"the predictions kept in {config.kept} belong to the reports beside them, which this run would overwrite; "
            "give it a name of its own with -p profile NAME, or use --from-kept, which does"
        )
    require_free(config.kept, plan.runs, plan.reports)
    for folder in (plan.reports, plan.runs / "notebooks"):
        _require_writable(folder)
    return plan


def kept_by_git(plan: StudyPlan) -> str:
    """A warning where pictures of a given cohort are about to enter a folder that a commit takes along, else ""."""
    given = [name for name in (plan.config.manifest, plan.config.external_manifest) if name]
    if not given or plan.reports != plan.root / "reports" / KEPT:
        return ""
    return (
        f"git keeps {plan.reports.relative_to(plan.root)}, and its reports will show images of {' and '.join(given)}; "
        "-p profile NAME writes them to reports/NAME, which git leaves out"
    )


def _check_name(profile: str) -> None:
    """That a run's name can be that of its folders."""
    if profile in (*RESERVED, numbers_file.KEPT):
        raise StudyError(
            f"parameter profile={profile!r} names folders, and this name is reserved for one that the study itself "
            "fills; choose another"
        )
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", profile):
        raise StudyError(f"parameter profile={profile!r} names folders: use letters, digits, '-', '_' only")


def _check_given(config: StudyConfig, root: Path, chosen: Sequence[Path]) -> None:
    """The cohort, weights and cluster that the study is given, before minutes are spent on what comes before them.

    What needs torch is imported only where it is asked for: a study's first second is not spent on it.
    """
    if config.kept:
        return _check_kept(config, root, chosen)
    if config.scheduler:
        from sijstudy.training.cluster import require_cluster

        require_cluster(config.scheduler)
    for manifest in filter(None, (config.manifest, config.external_manifest)):
        require_bone(load_manifest(root / manifest), config)
    idle = {*NETWORKS_NOT_NEEDED, ABLATIONS}
    if config.ablations != "none":
        from sijstudy.analysis.ablations import chosen_groups

        chosen_groups(config.ablations)
        idle.remove(ABLATIONS)
    if config.weights != "none" and not all(notebook.stem in idle for notebook in chosen):
        _check_weights(config, selecting=any(notebook.stem == SELECTION for notebook in chosen))


def _check_kept(config: StudyConfig, root: Path, chosen: Sequence[Path]) -> None:
    """That the kept predictions are whole and of these parameters, and every notebook can do with them."""
    from sijstudy.training.kept_run import open_kept, require_same

    require_same(open_kept(root / config.kept), config, root)
    for notebook in chosen:
        if notebook.stem not in FROM_KEPT:
            raise StudyError(
                f"{notebook.stem} can do nothing from kept predictions, it takes images or networks; these can: "
                f"--only {','.join(name.partition('_')[0] for name in FROM_KEPT)}"
            )


def _check_weights(config: StudyConfig, *, selecting: bool) -> None:
    from sijstudy.model import build_model

    for backbone in {config.backbone, *(CANDIDATES if selecting else ())}:
        try:
            build_model(backbone, config.hidden_units, config.weights, seed=0)
        except StudyError as error:
            if config.weights == "imagenet" or backbone == config.backbone:
                raise
            raise StudyError(
                f"{error}. Notebook 03 also trains {backbone}: give a folder with a weights file for each "
                f"({' and '.join(CANDIDATES)}), or leave notebook 03 out with --only"
            ) from None


def _chosen(notebooks: tuple[Path, ...], only: Sequence[str]) -> tuple[Path, ...]:
    """The notebooks whose number or name is in ``only``; all for an empty one."""
    for wanted in only:
        if not any(wanted in (path.stem, path.stem.partition("_")[0]) for path in notebooks):
            known = ", ".join(path.stem for path in notebooks)
            raise StudyError(f"--only {wanted}: no such notebook; there are {known}")
    return tuple(path for path in notebooks if not only or {path.stem, path.stem.partition("_")[0]} & set(only))


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StudyError(f"cannot write into {folder} ({error.strerror}); mend it or choose another folder") from None
