"""The study's configuration: one frozen dataclass, one field per papermill parameter.

A default is the paper's value wherever the paper gives one; the field's note cites the section.
Where the paper is silent the note says ``ASSUMED:`` and docs/ASSUMPTIONS.md lists the alternatives.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypedDict, Unpack

import yaml

from sijstudy.errors import StudyError

WHERE_ONLY = ("scheduler",)  # says where networks are trained: no number depends on it, reports do not show it
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}  # as a message calls them


class Rule(TypedDict, total=False):
    """What a parameter must be: one of ``choices``; ``low`` (or above it, with ``open_low``) to ``high``; odd."""

    choices: tuple[str, ...]
    low: float
    high: float
    open_low: bool
    odd: bool


ANY: dict[str, Any] = {"choices": None, "low": None, "high": None, "open_low": False, "odd": False}


def _param(default: Any, note: str, **rule: Unpack[Rule]) -> Any:
    """A dataclass field that carries its own rule and a note with the paper's section."""
    return field(default=default, metadata={"note": note, **ANY, **rule})


@dataclass(frozen=True)
class StudyConfig:
    """Every parameter of the study. Construction checks types and ranges (StudyError)."""

    # --- run ------------------------------------------------------------------------------------
    profile: str = _param("custom", "name shown in reports; smoke, quick, paper and stir are shipped")
    seed: int = _param(
        2021, "every random number derives from it; 1, 2 and 2021 were looked at while the phantom was made", low=0
    )
    device: str = _param("auto", "auto takes a GPU when there is one", choices=("auto", "cpu", "cuda"))
    mode: str = _param(
        "strict", "strict: the same numbers twice on one machine; fast: quicker on a GPU", choices=("strict", "fast")
    )
    precision: str = _param(
        "float32",
        "arithmetic of the network; native: bfloat16 where the device computes it",
        choices=("float32", "bfloat16", "native"),
    )
    parallel_fits: int = _param(1, "networks trained side by side, in processes of their own", low=1, high=64)
    threads_per_fit: int = _param(0, "CPU threads of one fit; 0 shares the cores out evenly", low=0, high=256)
    scheduler: str = _param(
        "", "tcp://HOST:PORT of a Dask scheduler whose workers train the networks; empty trains here"
    )

    # --- cohort [2.1] ---------------------------------------------------------------------------
    manifest: str = _param("", "folder with slices.csv and subjects.csv; empty makes the synthetic cohort below")
    external_manifest: str = _param("", "another cohort's manifest folder, on which notebook 07 tests the networks")
    external_also: str = _param(
        "", "folder of another finished run (runs/PROFILE), whose networks notebook 07 sets beside this run's"
    )
    kept: str = _param("", "folder of kept predictions, read in place of images and networks; empty reads these")
    axspa_subjects: int = _param(60, "[2.1]", low=5)
    control_subjects: int = _param(19, "[2.1]", low=5)
    positive_slices: int = _param(422, "[2.1] all from axSpA subjects", low=20)
    negative_slices: int = _param(393, "[2.1] all from control subjects", low=20)
    slices: str = _param(
        "selected",
        "[2.1] of a synthetic subject: selected for clear edema or none, or the whole examination",
        choices=("selected", "whole"),
    )
    inactive_subjects: int = _param(
        0,
        "further axSpA subjects without edema, who bring slices to whole examinations only; the paper has none",
        low=0,
    )
    matrix_size: int = _param(448, "[2.1] rows and columns of a synthetic slice, pixels", low=64, high=1024)
    phantom_contrast: str = _param(
        "gd_fs_t1",
        "[2.1] of the synthetic cohort: Gd-enhanced fat-suppressed T1, or STIR",
        choices=("gd_fs_t1", "stir"),
    )
    phantom_randomised: bool = _param(
        False,
        "each synthetic subject has its own contrast, resolution, thickness and noise",
    )

    # --- ROI patch [2.2] ------------------------------------------------------------------------
    roi_source: str = _param(
        "outlines",
        "[2.2] ilium boxes: of the cohort's outlines, or found by a network made of drawings",
        choices=("outlines", "automatic"),
    )
    roi_reading: str = _param(
        "centre_inward",
        "[2.2] ASSUMED: which rectangle '0.8 times the width, inward' means",
        choices=("centre_inward", "beyond_edge", "shifted_box"),
    )
    roi_factor: float = _param(0.8, "[2.2] in units of the ilium box's width", low=0.1, high=2.0)
    roi_height: str = _param(
        "extend", "[2.2] ASSUMED: how the lower patch reaches the height of the higher", choices=("extend", "stretch")
    )
    patch_size: int = _param(224, "[2.3] side of the network's input, pixels", low=32, high=512)

    # --- grey values and noise [2.2] ------------------------------------------------------------
    intensity: str = _param(
        "percentile",
        "ASSUMED: the unit of grey values: each slice's percentiles, normal marrow of the whole stack, or of the slice",
        choices=("percentile", "marrow", "slice_marrow"),
    )
    bone_channel: bool = _param(False, "networks are shown where bone is, too, its mask as a channel of their input")
    noise_gaussian_variance: float = _param(0.3, "[2.2] on the 8-bit scale 0..255 (ASSUMED: scale)", low=0.0)
    noise_poisson: str = _param(
        "power_of_log10",
        "[2.2] Poisson rate (log10 x)^4, (ln x)^4 or ln(x^4). ASSUMED: base ten; (ln x)^4 makes patches white",
        choices=("power_of_log10", "power_of_log", "log_of_power", "none"),
    )
    noise_redraw: bool = _param(True, "ASSUMED: training draws its noise anew in every epoch")

    # --- model [2.3] ----------------------------------------------------------------------------
    context_slices: int = _param(
        1, "[4] neighbouring slices that a network is shown at once: 1 (the paper's), 3 or 5", low=1, high=5, odd=True
    )
    backbone: str = _param("resnet18", "[2.5] chosen by Fig. 5", choices=("resnet18", "resnet34", "resnet50"))
    hidden_units: int = _param(256, "[2.3] one hidden layer; ASSUMED: its width", low=1, high=8192)
    weights: str = _param("imagenet", "[2.3] imagenet, none (from scratch), a state_dict file, or a folder of them")

    # --- training [2.5] -------------------------------------------------------------------------
    loss: str = _param("focal", "[2.5]", choices=("focal", "cross_entropy"))
    focal_gamma: float = _param(2.0, "ASSUMED: Lin et al. 2017, the paper's reference 28", low=0.0, high=10.0)
    focal_alpha: float = _param(0.5, "ASSUMED: 0.5 weighs both classes alike; Lin et al. used 0.25", low=0.0, high=1.0)
    epochs: int = _param(50, "[2.5, Fig. 5]", low=1, high=10_000)
    batch_size: int = _param(32, "[2.5]", low=2, high=4096)
    learning_rate: float = _param(0.03, "[2.5] start of the cosine decay", low=0.0, open_low=True, high=10.0)
    momentum: float = _param(0.9, "ASSUMED: stochastic gradient descent with momentum", low=0.0, high=0.999)
    weight_decay: float = _param(0.0001, "ASSUMED: He et al. 2016, the paper's reference 24", low=0.0, high=1.0)
    flip_probability: float = _param(0.5, "[2.5] horizontal flip", low=0.0, high=1.0)
    rotation_degrees: float = _param(10.0, "[2.5] ASSUMED: uniform within +/- this angle", low=0.0, high=180.0)

    # --- folds [2.5, Table 1] -------------------------------------------------------------------
    folds: int = _param(5, "[2.5]", low=1, high=50)
    test_fraction: float = _param(0.3, "[2.5] of the subjects of each class", low=0.05, high=0.6)
    validation_fraction: float = _param(0.3, "[Fig. 5] of fold 1's training subjects", low=0.05, high=0.6)
    selection_epochs: int = _param(50, "[Fig. 5]", low=1, high=10_000)

    # --- aggregation [3.1] ----------------------------------------------------------------------
    median_size: int = _param(3, "[3.1] slices, odd; 1 switches the filter off", low=1, high=15, odd=True)
    median_input: str = _param(
        "decision", "[Fig. 6] ASSUMED: filter the 0/1 slice results, or the scores", choices=("decision", "score")
    )
    slice_threshold: float = _param(0.5, "ASSUMED: a slice is positive at or above it", low=0.0, high=1.0)
    subject_rule: str = _param(
        "mean",
        "[3.1] decides by: mean of filtered slices, ASAS two-slice rule, longest run, highest score",
        choices=("mean", "asas", "run", "highest"),
    )
    subject_threshold: float = _param(0.5, "ASSUMED: a subject is positive at or above it", low=0.0, high=1.0)

    # --- evaluation [2.4] -----------------------------------------------------------------------
    bootstrap_samples: int = _param(
        2000, "resamples of subjects behind 95% CIs given these networks, and of agreement", low=50, high=100_000
    )
    cam_slices: int = _param(0, "Grad-CAM on at most this many positive test slices; 0 takes all", low=0)
    ablations: str = _param("none", "what notebook 08 varies: none, all, or groups such as loss,roi")

    def __post_init__(self) -> None:
        for spec in fields(self):
            object.__setattr__(self, spec.name, _checked(spec, getattr(self, spec.name)))
        self._check_cohort()

    def _check_cohort(self) -> None:
        for slices, subjects, low, high in (
            ("positive_slices", "axspa_subjects", 4, 23),
            ("negative_slices", "control_subjects", 18, 25),
        ):
            people, total = getattr(self, subjects), getattr(self, slices)
            if not low * people <= total <= high * people:
                raise StudyError(
                    f"parameter {slices}={total} does not fit {subjects}={people}, who carry {low} to {high} slices "
                    f"each [2.1]; choose {slices} from {low * people} to {high * people}"
                )

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """All parameter names, in the order in which they are listed everywhere."""
        return tuple(spec.name for spec in fields(cls))

    @classmethod
    def require_names(cls, names: Iterable[object], source: str) -> None:
        """Raise StudyError on a name that is no parameter, with the nearest known one."""
        for name in names:
            if name not in cls.names():
                raise StudyError(f"{source}: unknown parameter '{name}'{_nearest(str(name), cls.names())}")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], source: str = "parameters") -> StudyConfig:
        """Build from name -> value; ``source`` names the file or notebook in an error.

        Raises StudyError on an unknown name (with the nearest known one) or an ill-typed value.
        """
        cls.require_names(values, source)
        try:
            return cls(**values)
        except StudyError as error:
            raise StudyError(f"{source}: {error}") from None

    @classmethod
    def from_namespace(cls, namespace: Mapping[str, Any]) -> StudyConfig:
        """Build from a notebook's ``globals()`` right after its parameters cell.

        A parameter that the cell does not name has its default, or the value that papermill put into a cell of its
        own. Any other public plain value is a mistyped name and stops the notebook.
        """
        plain = (bool, int, float, str, list, dict, tuple, type(None))
        values = {
            name: value
            for name, value in namespace.items()
            if isinstance(value, plain) and not name.startswith("_") and name not in ("In", "Out")
        }
        return cls.from_mapping(values, source="parameters cell")

    @classmethod
    def from_yaml(cls, path: Path) -> StudyConfig:
        """Read a profile (``notebooks/profiles/NAME.yaml``). Raises StudyError naming the file."""
        return cls.from_mapping(read_profile(path), source=str(path))

    def subset(self, *names: str) -> dict[str, Any]:
        """The named fields as a plain dictionary, e.g. as part of a run's hash."""
        return {name: getattr(self, name) for name in names}


def read_profile(path: Path) -> dict[str, Any]:
    """The parameters in a profile file as name -> value. Raises StudyError when it is no YAML mapping."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = sorted(other.stem for other in path.parent.glob("*.yaml"))
        raise StudyError(f"profile {path} does not exist; known here: {', '.join(known) or 'none'}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = re.sub(r"\s+", " ", str(error))
        raise StudyError(f"profile {path} is not valid YAML ({reason}); mend or remove the line it names") from None
    if not isinstance(content, dict):
        raise StudyError(f"profile {path} must hold 'name: value' lines, found {type(content).__name__}")
    return content


def _nearest(name: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else "; `sijstudy parameters` lists the known ones"


def _checked(spec: Field[Any], value: Any) -> Any:
    """The value of one field, with int accepted for float, or a StudyError that names the field."""
    value = _typed(spec, value)
    rule = spec.metadata
    if rule["choices"] and value not in rule["choices"]:
        raise StudyError(f"parameter {spec.name}={value!r} must be one of {', '.join(rule['choices'])}")
    if isinstance(value, (int, float)) and not _in_range(value, rule):
        raise StudyError(f"parameter {spec.name}={value!r} must lie in {_range_text(rule)}")
    if rule["odd"] and value % 2 == 0:
        raise StudyError(f"parameter {spec.name}={value!r} must be odd: {value - 1 or 1} or {value + 1}")
    return value


def _typed(spec: Field[Any], value: Any) -> Any:
    wanted = type(spec.default)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not wanted:
        raise StudyError(f"parameter {spec.name}={value!r} must be {KINDS[wanted]}, such as {spec.default!r}")
    return value


def _in_range(value: float, rule: Mapping[str, Any]) -> bool:
    low, high = rule["low"], rule["high"]
    above = low is None or (value > low if rule["open_low"] else value >= low)
    return above and (high is None or value <= high)  # NaN fails both comparisons


def _range_text(rule: Mapping[str, Any]) -> str:
    low = "-inf" if rule["low"] is None else rule["low"]
    high = "inf" if rule["high"] is None else rule["high"]
    return (
        f"{'(' if rule['open_low'] or rule['low'] is None else '['}{low}, {high}{')' if rule['high'] is None else ']'}"
    )
