"""One file in, arrays on a slice out: pixels, geometry, outlines.

In come MR images (DICOM, single-frame or multi-frame; planes of a NIfTI volume) and outlines (DICOM SEG; NIfTI or NRRD
label maps). Out come a ``DicomSlice``, pixels ``(H, W)`` float32 with its header in mm (LPS), and masks ``(H, W)`` bool
by slice and segment. Nothing is resampled, no window is applied.

- ``read``: the image of a slice, whatever holds it; calls ``dicom`` (on ``dicom_file``, ``dicom_attributes``,
  ``dicom_pixels``, ``stored_values``) or ``nifti``. ``upright``: the one rule by which all are turned.
  ``slice_order``: a subject's slices from the lower to the upper pelvis; ``places``: which of them lie in one place.
- ``subject_outlines``: all files of a subject, read by ``seg`` and ``label_maps``, laid on the slices by ``grids``;
  ``segment_names``: what their segments mean; ``consensus``: several readings -> one mask; ``outlines_file``: how the
  result is kept; ``outlines``: what a manifest names, read back.
- ``seg_write``: masks on upright slices -> a DICOM SEG on the pixels that their files store.

To add a format of images: a module like ``nifti`` with four functions (a slice's header, the slice, its pixels alone, a
file opened once for all its slices) that raise StudyError naming the file; its suffix in the functions of ``read``;
the kind of file in ``cohort/scan.py``; a test like ``tests/images/test_nifti.py``. To add a format of outlines: a
reader that gives a ``LabelMap``, called by ``label_maps.read_label_map``; its suffix in ``is_label_map_name``, and
in ``cohort/files_by_name.py`` if such a file can hold nothing but outlines.
"""
