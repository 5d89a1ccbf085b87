"""Whether a finished run still is what was published, from its data to its numbers."""
