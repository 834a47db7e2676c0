"""The synthetic cohort: computed pelves in the paper's setting, written as real DICOM (paper 2.1)."""

from sijstudy.phantom.generate import generate_cohort

__all__ = ["generate_cohort"]
