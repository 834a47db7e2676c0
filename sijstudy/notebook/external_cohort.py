"""Another cohort through a study's networks, as notebook 07 asks for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sijstudy.analysis.external import ExternalCohort, apply_networks
from sijstudy.analysis.external_readers import beside
from sijstudy.cohort.manifest import Manifest, load_manifest
from sijstudy.cohort.unread import whole_series
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.training.networks import Networks, open_networks
from sijstudy.training.store import RunStore


def apply_to(networks: Networks, own: Manifest, config: StudyConfig, root: Path) -> ExternalCohort:
    """The cohort ``config.external_manifest`` through ``networks``, and through those of ``config.external_also``.

    own: the study's cohort. StudyError when networks are missing, or when the cohort shares a file with ``own``.
    """
    manifest = whole_series(load_manifest(root / config.external_manifest))
    shared = len(set(manifest.slices["sha256"]) & set(own.slices["sha256"]))
    if shared:
        raise StudyError(
            f"external_manifest {manifest.folder}: {shared} of its files are the study's own; give another cohort"
        )
    options: dict[str, Any] = {"device": config.device, "workers": os.cpu_count() or 1}
    cache = RunStore(root / "runs").patches
    cohort = apply_networks(manifest, networks, cache, **options)
    if not config.external_also:
        return cohort
    return beside(cohort, apply_networks(manifest, open_networks(root / config.external_also), cache, **options))
