"""A diagnosis made by hand: what is written of it does not ask where its scores come from."""

import numpy as np
import pandas as pd
from dicom_samples import COLUMNS, ROWS, mr_dataset, write

from sijstudy.aggregation import RULES
from sijstudy.analysis.coverage import coverage_of
from sijstudy.analysis.diagnosis import Diagnosis, Opinion, Ruling, Verdict
from sijstudy.analysis.likeness import Likeness
from sijstudy.analysis.suitability import Suitability
from sijstudy.cohort.subject_folder import SubjectFolder
from sijstudy.config import StudyConfig
from sijstudy.records import Box, IliumBoxes, Slice

BOXES = IliumBoxes(Box(21.5, 5, 29.25, 20), Box(2, 4, 10, 19.5))
# Columns and rows of the stored image as signs and axes of the upright one: upright, upside down, mirrored, turned.
TURNS = {"upright": (1, 1, 0), "rotated": (-1, -1, 0), "mirrored": (-1, 1, 0), "exchanged": (1, -1, 1)}


def diagnosis_of(subject, *, arm="roi", scores=(0.2, 1 / 3, 0.9000000001), **changes):
    """Of a ``SubjectFolder``; with the ROI arm the slices without a box are left out."""
    used = [item for item in subject.slices if arm == "original" or item.boxes]
    score = np.resize(scores, len(used)).astype(float)
    decision = (score >= 0.3).astype(int)
    table = {
        "slice_index": [item.index for item in used],
        "file": [item.file.name for item in used],
        "score": score,
        "score_sd": np.nan,
        "score_low": score,
        "score_high": score,
        "decision": decision,
        "filtered_decision": 1 - decision,
        "filtered_score": score[::-1],
        "percentile": np.nan,
        "unlike": False,
    }
    networks = {"fold": [1], "address": ["abc"], "score": [0.7], "positive": [True], "trained_on_name": [False]}
    verdict = Verdict(2 / 3, 0.5, positive=True)
    values = {
        "subject": subject,
        "config": StudyConfig(),
        "trained_on": "a cohort",
        "arm": arm,
        "ruling": Ruling("mean", dict.fromkeys(RULES, 0.5)),
        "slices": pd.DataFrame(table),
        "networks": pd.DataFrame({**networks, **{f"{name}_positive": [True] for name in RULES}}),
        "opinion": Opinion(verdict, dict.fromkeys(RULES, verdict)),
        "left_out": tuple(item for item in subject.slices if item not in used),
        "explained": (),
        "images": Suitability(subject.kind, None, (), (), ()),
        "likeness": Likeness(np.full(len(used), np.nan), 0),
        "coverage": coverage_of(subject, used, None),
    }
    return Diagnosis(**(values | changes))


def classic(folder, turn="upright", **changes):
    """Three classic slices that are stored turned; their pixels are what ``mr_dataset`` has, turned alike."""
    across, down, exchange = TURNS[turn]
    paths = []
    for step in range(3):
        ds = mr_dataset(1, step, **changes)
        own, spacing = np.reshape(ds.ImageOrientationPatient, (2, 3)).astype(float), float(ds.PixelSpacing[0])
        position, pixels = np.array(ds.ImagePositionPatient, float), ds.pixel_array
        if across < 0:
            position, pixels = position + own[0] * spacing * (COLUMNS - 1), pixels[:, ::-1]
        if down < 0:
            position, pixels = position + own[1] * spacing * (ROWS - 1), pixels[::-1]
        vectors = [own[0] * across, own[1] * down]
        if exchange:
            vectors, pixels = vectors[::-1], pixels.T
        ds.ImagePositionPatient = position.round(6).tolist()
        ds.ImageOrientationPatient = np.concatenate(vectors).round(6).tolist()
        ds.Rows, ds.Columns = pixels.shape
        ds.PixelData = np.ascontiguousarray(pixels).tobytes()
        paths.append(write(ds, folder / f"{step}.dcm"))
    return subject_of([(path, None) for path in paths])


def subject_of(places, boxes=(BOXES, None, BOXES)):
    slices = tuple(
        Slice("S1", 10 + number, 0, path, frame, f"{number}", "", own, None)
        for number, ((path, frame), own) in enumerate(zip(places, boxes, strict=True))
    )
    return SubjectFolder("S1", slices, "boxes.csv", "1", "the only MR series")
