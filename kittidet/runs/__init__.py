"""Finished runs: what is in a run folder, and how two of them compare."""
