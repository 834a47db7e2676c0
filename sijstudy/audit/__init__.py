"""The audit of a cohort: what is in it, what is odd about it, and what must be mended before anyone trusts a number."""
