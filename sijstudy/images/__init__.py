"""One file (DICOM, NIfTI, SEG, label map) in; arrays on a slice out: its pixels, its place, its outlines."""
