"""Declarations of what runs where and when, and the local server and workers to run it on."""
