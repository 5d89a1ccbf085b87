"""Numbers to pictures and pages: one self-contained HTML page a run, and the same pictures as PNG files."""
