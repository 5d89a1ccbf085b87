"""What lies in a store, what keeps it there, and how the rest is removed."""
