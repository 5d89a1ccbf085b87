"""Finished runs and the registry's models mirrored to MLflow, which is an extra: nothing is ever read back from there.

Only `client` imports it, when something is mirrored. Whether that fails a run is left to `steps.mirror`.
"""
