"""sijstudy: bone marrow edema of the sacroiliac joints on MR, a 2021 study rebuilt reproducibly."""

__version__ = "0.1.0"
