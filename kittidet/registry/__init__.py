"""The model registry: versions of finished runs, which of them is the champion, and what each was made from.

A folder of small objects, each written once and never changed; nothing to install or to start.
"""
