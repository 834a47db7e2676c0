"""A folder of files and tables in, a checked manifest out: which slice belongs to whom, with label, boxes and hash.

``build.build_manifest`` takes a folder of any layout and ``options.BuildOptions``. It writes slices.csv, subjects.csv,
cohort.json and the account of what became of every file; ``manifest.load_manifest`` reads them for all that follows.
In order:

1. ``scan``: every file with its kind, MR images with what their headers say (``series``).
2. ``gather``: files to subjects. Images by folder or PatientID, of each subject one series (``subject_series``,
   ``series_choice``) or one volume (``subject_volumes``); outlines by the slices they refer to (``files_by_uid``) or
   by name (``files_by_name``).
3. ``subject_rows``: one subject at a time, pixels and outlines are read, slices ordered, labelled, boxed
   (``ilium_boxes``, ``proposed_boxes``); votes, labels and boxes that people brought come from ``side_tables``.
4. ``manifest_account``, ``account``: what was used, what was left out and why.
5. ``write``: all of it beside the old manifest, checked by ``manifest`` and ``schema``, then moved in.

``subject_folder`` takes steps 1 to 3 for one new subject without labels. ``slice_outlines``: the outlines of a slice
of a manifest, for all that show or measure them. ``box_cells``: ilium boxes as cells of a table, and back.
"""
