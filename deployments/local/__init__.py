"""The local Prefect server, its pools and workers, started and stopped by the command line."""
