"""Files over HTTP that are whole or absent, go on after a break, and are checked when they are there."""
