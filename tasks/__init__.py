"""Prefect tasks: one library step each, with its cache key, retries, timeout and artifacts; no logic."""
