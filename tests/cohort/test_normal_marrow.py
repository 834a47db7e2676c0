"""The manifest's columns of normal marrow, against the images and outlines they are made of."""

from dataclasses import replace

import numpy as np
import pytest

from sijstudy.cohort.normal_marrow import level_of, require_bone
from sijstudy.cohort.slice_outlines import SliceOutlines
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.images.read import read_image
from sijstudy.marrow import marrow_levels
from sijstudy.notebook.shown_slices import by_subject

IN_MARROW = StudyConfig(intensity="marrow")


def test_a_build_writes_the_levels_of_each_subjects_stack(sample_manifest):
    outlines, slices = SliceOutlines(sample_manifest), sample_manifest.slices
    for subject, items in by_subject(sample_manifest.slice_records()).items():
        images = [read_image(item) for item in items]
        levels = marrow_levels(
            [image.pixels for image in images], [outlines.bone(item) for item in items], images[0].header.spacing
        )
        assert levels.stack is not None
        own = slices[slices["subject_id"] == subject]
        assert own["stack_marrow"].tolist() == [levels.stack] * len(items)
        assert own["slice_marrow"].tolist() == list(levels.slices)
        assert [item.slice_marrow for item in items] == list(levels.slices)
        assert [level_of(item, "marrow") for item in items] == [levels.stack] * len(items)
        other = replace(items[0], slice_marrow=7.0)
        assert (level_of(other, "slice_marrow"), level_of(other, "marrow")) == (7.0, levels.stack)


def test_a_cohort_without_bone_stops_in_one_line_that_names_the_slice(sample_manifest):
    require_bone(sample_manifest, replace(IN_MARROW, bone_channel=True))
    slices = sample_manifest.slices.copy()
    slices.loc[4, ["stack_marrow", "slice_marrow"]] = np.nan
    slices.loc[7, "segmentation"] = None
    lacking = replace(sample_manifest, slices=slices)
    require_bone(lacking, StudyConfig())
    for config, row, column in (
        (IN_MARROW, 4, "intensity=marrow"),
        (StudyConfig(intensity="slice_marrow"), 4, "intensity=slice_marrow"),
        (StudyConfig(bone_channel=True), 7, "bone_channel=true"),
    ):
        with pytest.raises(StudyError) as error:
            require_bone(lacking, config)
        item, said = lacking.slice_records()[row], str(error.value)
        assert said.startswith(f"{item.file}: slice {item.index} of subject {item.subject_id} has no ")
        assert column in said and "give outlines of the ilia and the sacrum" in said and "\n" not in said
