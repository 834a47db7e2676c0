"""Predictions in; the tables and sentences of the reports out."""
