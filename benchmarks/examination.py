"""(d) ``sijstudy diagnose`` as it is typed: a whole examination from its folder to its page, joints found by itself."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.measure import Line, in_turn, timed
from sijstudy import cli
from sijstudy.config import StudyConfig
from sijstudy.folds import Fold
from sijstudy.model import build_model
from sijstudy.phantom.generate import write_subject
from sijstudy.phantom.plan import ACQUIRED, PlannedSubject
from sijstudy.training.feature_reference import keep_reference
from sijstudy.training.image_kinds import KINDS
from sijstudy.training.loop import Fit
from sijstudy.training.networks import save_fits, save_settings
from sijstudy.training.patches import PatchSet
from sijstudy.training.store import RunStore, StudyFolder
