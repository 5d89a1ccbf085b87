"""This library held against recorded numbers of the reference implementation, google/automl."""
