"""A configuration in; a synthetic cohort out: computed pelves in the paper's setting, as real DICOM (paper 2.1).

generate writes what plan decides (who is in it) and protocol (how each was scanned). The body: anatomy, bones,
contours, vessels, lookalikes, lesions, fields (textures). A slice of it: plane, tissues, scanner, render. votes: what
readers would say; write: the DICOM files. difficulty holds what makes the cohort easy or hard.
"""

from sijstudy.phantom.generate import generate_cohort

__all__ = ["generate_cohort"]
