"""Notebooks in; executed notebooks and the pages of the report out."""
