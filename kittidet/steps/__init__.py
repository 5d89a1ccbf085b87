"""The pipeline's steps: what each is keyed by, what it reads, what it leaves in the store."""
