"""The production profile: a server on PostgreSQL, with a password, checked before it starts."""
