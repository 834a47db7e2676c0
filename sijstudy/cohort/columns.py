"""The columns of a manifest's tables by their names; what may stand in them says ``schema``, which loads pandera."""

from __future__ import annotations

BOX_COLUMNS = {side: [f"{side}_{edge}" for edge in ("x0", "y0", "x1", "y1")] for side in ("left", "right")}
READERS = ("reader_1", "reader_2", "reader_3", "reader_4")
MARROW_COLUMNS = {"slice_marrow": "slice", "stack_marrow": "subject's whole stack"}
OPTIONAL_READERS = ("reader_4",)  # the paper had three readers [2.1]
