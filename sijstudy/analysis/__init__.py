"""Predictions in; the tables and sentences of the reports out.

Tables 2 and 3: slice_courses, fold_summary; subgroups, sensitivity (other thresholds), selection (of the backbone).
Can a score be trusted: calibration, decision_curve. What a network looks at: explain, failures (the gallery).
Other data: external (another cohort), cohort_distance, diagnosis (one new subject).
The study itself: ablations and ablation_tables, interpretations of the paper's wording, consistency of the paper's
printed numbers (consistency_counts, _search, _alone and _joint are its steps).
"""
