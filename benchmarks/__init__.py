"""How fast the study is, side by side with what else could be done: ``python -m benchmarks`` (docs/BENCHMARKS.md)."""
