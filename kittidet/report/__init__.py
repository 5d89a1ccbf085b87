"""Numbers to plots, images and pages: one self-contained HTML page a run, everything shown also as PNG files."""
