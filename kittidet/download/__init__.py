"""Downloads over HTTP: files are complete or absent, resume after a break, and are verified on arrival."""
