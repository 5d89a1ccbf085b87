"""Finished runs: what lies in a run folder, and how two of them compare."""
