"""What docs/PHANTOM.md and the model card say of the drawn cohort is true of it."""

import numpy as np

from sijstudy.cohort.manifest import load_manifest
from sijstudy.cohort.slice_outlines import SliceOutlines
from sijstudy.config import StudyConfig
from sijstudy.training.patches import roi_of


def test_nearly_all_edema_lies_inside_the_default_roi(smoke_study):
    """So the gain from the ROI is built in, and is said to be. Where this turns false, so does what is said."""
    (folder,) = (smoke_study.root / "data_manifest").glob("synthetic-*")
    manifest = load_manifest(folder)
    outlines, total, inside = SliceOutlines(manifest), 0, 0
    for item in manifest.slice_records():
        edema = outlines.mask(item, "edema")
        if edema is not None:
            roi = np.zeros(edema.shape, bool)
            boxes = roi_of(item, edema.shape, StudyConfig())
            for box in filter(None, (boxes.image_left, boxes.image_right)):
                roi[round(box.y0) : round(box.y1), round(box.x0) : round(box.x1)] = True
            total, inside = total + edema.sum(), inside + (edema & roi).sum()
    assert inside / total > 0.97
