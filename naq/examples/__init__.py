"""Functions to try naq with, and the examples of the documentation."""
