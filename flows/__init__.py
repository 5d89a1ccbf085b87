"""Prefect flows: the order of the tasks and their parameters, nothing else."""
