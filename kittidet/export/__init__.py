"""A trained detector as files that need none of this project, each held equal to its source."""
