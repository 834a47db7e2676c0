"""The command line: ``sijstudy run``, ``check``, ``diagnose``, ``audit``, ``dashboard``, ``cohort`` ..."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from sijstudy.cohort.options import CONTRAST, SERIES, SKIP_BROKEN
from sijstudy.commands.check import check
from sijstudy.commands.cohort import cohort_app
from sijstudy.commands.manifest import manifest_app
from sijstudy.commands.notebooks import notebooks_app
from sijstudy.commands.roi import roi_app
from sijstudy.commands.shared import Parameter, Profile, Root, uncollected
from sijstudy.errors import StudyError
from sijstudy.options import joined_words, option, taking
from sijstudy.signals import raised_signals

INTERRUPTED = 130  # what a shell expects of a command ended by Ctrl-C

# Heavy modules are imported inside the commands, so that --help answers at once.

app = typer.Typer(
    help="A reproducible study: bone marrow edema of the sacroiliac joints on MR. Research only, not for diagnosis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(check)
app.add_typer(cohort_app, name="cohort")
app.add_typer(manifest_app, name="manifest")
app.add_typer(notebooks_app, name="notebooks")
app.add_typer(roi_app, name="roi")


@dataclass(frozen=True)
class RunOptions:
    """What ``run`` takes besides the profile, its parameters and the project's folder."""

    only: str | None = option("Run these notebooks only, e.g. 01,02.", None, show_default="all")
    reports: Path | None = option("Folder for the HTML reports.", None, show_default="ROOT/reports")
    keep: bool = option("Keep the predictions beside the reports, for --from-kept.", False, "--keep")
    from_kept: bool = option(
        "Make the tables anew of the kept predictions, without images and networks.", False, "--from-kept"
    )
    cell_timeout: int | None = option(
        "Stop when a cell takes longer.", None, min=1, metavar="SECONDS", show_default="no limit"
    )
    scheduler: str = option(
        "Train on the workers of this Dask scheduler (docs/SCALING.md).", "", metavar="TCP://HOST:PORT"
    )


@app.command()
@taking(RunOptions)
def run(options: RunOptions, profile: Profile = "quick", parameter: Parameter = None, root: Root = Path()) -> None:
    """Run the notebooks in order, write reports/PROFILE/*.html, say where they are."""
    from sijstudy.study.from_kept import plan_from_kept
    from sijstudy.study.plan import chosen_names, make_plan
    from sijstudy.study.profiles import parse_overrides
    from sijstudy.study.run import run_study

    scheduler = {"scheduler": options.scheduler} if options.scheduler else {}
    plan = (plan_from_kept if options.from_kept else make_plan)(
        profile,
        root=root,
        overrides={**parse_overrides(parameter or []), **scheduler},
        only=chosen_names(options.only),
        reports_root=options.reports,
    )
    result = run_study(plan, cell_timeout=options.cell_timeout, keep=options.keep)
    if result.failure:
        print(f"sijstudy: {result.failed} stopped: {result.failure.message}", file=sys.stderr, flush=True)
    print(f"Report: {result.index}")
    raise typer.Exit(0 if result.ok else 1)


@app.command()
def audit(
    manifest_folder: Annotated[Path, typer.Argument(help="Folder of a manifest.")],
    folds: Annotated[
        Path | None, typer.Option(help="A folds file, runs/PROFILE/folds.json: is anybody on both sides?")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the findings as JSON, too.")
    ] = None,
) -> None:
    """Read every file that a cohort's study uses and say what is wrong; exit status 1 when a finding is grave."""
    from sijstudy.audit.cohort import audit_cohort, write_findings
    from sijstudy.audit.findings import counted
    from sijstudy.cohort.manifest import load_manifest

    manifest = load_manifest(manifest_folder)
    done = audit_cohort(manifest, folds_file=folds, workers=os.cpu_count() or 1)
    for finding in done.findings:
        print(finding.line())
    print(done.checked)
    print(f"{manifest_folder}: {len(manifest.slices)} slices, {counted(done.findings)}")
    if json_file:
        write_findings(json_file, manifest, done)
        print(f"Findings: {json_file}")
    raise typer.Exit(1 if done.grave else 0)


@dataclass(frozen=True)
class DiagnoseOptions:
    """What ``diagnose`` takes besides the folder and the networks."""

    boxes: Path | None = option(
        "CSV with ilium boxes per slice.", None, show_default="the folder's DICOM SEG, else as --roi says"
    )
    roi: str = option(
        "find (without boxes the joints are sought by a network) or whole (whole images, whatever boxes).", "find"
    )
    segments: Path | None = option("CSV: what the labels of segments in the DICOM SEG mean.", None)
    output: Path | None = option("Folder for the page, JSON and DICOM.", None, show_default="diagnoses/SUBJECT")
    rule: str = option("Decide by auto (as notebook 09 chose), mean, asas, run or highest.", "auto")
    fold: str = option("The network of this fold, or all.", "all")
    contrast: str = option(CONTRAST, "", show_default="the networks'")
    series: str = option(SERIES, "", metavar="REGEX")
    force: bool = option(
        "Go on although the series is not of the kind that the networks know, or a part of an examination.",
        False,
        "--force",
    )
    skip_broken: bool = option(SKIP_BROKEN, False, "--skip-broken")
    device: str = option("auto, cpu or cuda.", "auto")


@app.command()
@taking(DiagnoseOptions)
def diagnose(
    dicom_dir: Annotated[Path, typer.Argument(help="Folder with one subject's DICOM files.")],
    run: Annotated[Path, typer.Option(help="Trained networks: runs/PROFILE, or runs/fits/HASH for one.")],
    options: DiagnoseOptions,
) -> None:
    """Run one new subject through trained networks. Research only, not for diagnosis."""
    from sijstudy.study.dicom_process import begin_beside

    with uncollected(), begin_beside() as begin:  # before all else: it takes as long to load as torch
        from sijstudy.analysis import diagnosis
        from sijstudy.analysis.suitability import fitting_subject
        from sijstudy.study.diagnosis_page import summary, write_diagnosis
        from sijstudy.training.networks import open_networks
        from sijstudy.training.rule_choice import asked_rule

        networks, rule = open_networks(run).of_fold(options.fold), asked_rule(options.rule, run)
        subject = fitting_subject(dicom_dir, networks, run, options)
        result = diagnosis.diagnose(subject, networks, rule, device=options.device, force=options.force)
        files = write_diagnosis(result, options.output or Path("diagnoses") / subject.subject_id, run, begin)
    print(summary(result))
    print(files.text)


@app.command()
def dashboard(
    profile: Profile = "quick",
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port on this machine.", show_default="8866, or a free one"),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    root: Root = Path(),
) -> None:
    """Serve the sliders of a finished run as a web page on this machine."""
    from sijstudy.study.dashboard import serve

    serve(profile, root, port=port, browser=browser)


@app.command()
def prune(
    days: Annotated[float, typer.Option(min=0, help="Keep whatever was written in the last DAYS days.")] = 7,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without this it is only told.")] = False,
    root: Root = Path(),
) -> None:
    """Remove networks of earlier versions that no study uses, and the patches that only they were trained on."""
    from sijstudy.training import pruning
    from sijstudy.training.store import RunStore

    store = RunStore(root / "runs")
    if not store.root.is_dir():
        raise StudyError(f"{store.root} does not exist; run a study first, or name the project's folder with --root")
    found = pruning.find_prunable(store, days=days)
    if not found.networks and not found.patches:
        print(f"{store.root}: nothing to remove")
        return
    print(f"{len(found.networks)} networks and {len(found.patches)} files of patches, {found.size / 1e9:.2f} GB")
    if yes:
        print(f"{store.root}: {pruning.prune(found) / 1e9:.2f} GB freed")
    else:
        print("Nothing was removed: add --yes to remove them")


@app.command()
def parameters(
    cell: Annotated[bool, typer.Option("--cell", help="Print them as a notebook's parameters cell instead.")] = False,
) -> None:
    """List every parameter: name, default, where it comes from."""
    from sijstudy.study.parameters import parameters_cell, parameters_table

    print(parameters_cell() if cell else parameters_table())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit status: 2 for a StudyError, 130 when interrupted, 143 after SIGTERM."""
    with raised_signals() as came:
        status = _run_command(joined_words(sys.argv[1:] if arguments is None else arguments))
        if status == INTERRUPTED:
            status = came[0].status if came else INTERRUPTED
            print("\nsijstudy: interrupted; the same command goes on where this one stopped", file=sys.stderr)
    return status


def _run_command(words: Sequence[str]) -> int:
    try:
        app(args=words, prog_name="sijstudy")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    except StudyError as error:
        print(f"sijstudy: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0
