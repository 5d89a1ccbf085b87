"""Prefect's side of the library's steps: tasks with cache keys, retries and timeouts, their pages, and the GPU pool."""
