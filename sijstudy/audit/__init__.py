"""A manifest in; graded findings out: what is odd about a cohort, and what could mislead its readers.

cohort runs all of it on what inspection read of each file, once. Files: files, identity and identity_findings (of
persons), acquisition, plane. Subjects: demographics, flow, leakage (into test data), confounding. Readers: agreement.
"""
