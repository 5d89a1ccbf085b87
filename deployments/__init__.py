"""Declares what runs where and when, and the local server and workers that run it."""
