"""The notebooks of a profile in; executed notebooks and the pages of the report out.

Before a run: ``profiles`` (parameters from files and the command line), ``notebook_files`` (notebooks as files, their
parameters cells), ``plan`` (what will run, checked as far as can be).
The run: ``run`` (one notebook after the other), ``kernel`` (the process of one, which runs ``kernel_main``),
``execution`` (papermill, and why a notebook stopped), ``progress`` (the line that tells how far it is), ``results``
(what the notebooks left).
Pages: ``page`` (a report) of ``cells`` and ``markdown``; ``index`` (the overview), ``run_index`` (what it shows);
``cards`` (model card, checklist); ``diagnosis_page`` (one new subject), ``diagnosis_decision`` (what is decided),
``diagnosis_limits`` (what it says of its limits), ``dicom_process`` (its DICOM files, beside); all by ``templating``
from ``templates/``. ``dashboard`` serves the live panels.
"""
