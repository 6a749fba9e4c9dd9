"""`naq doctor`: judges the log against the records, and a server against what naq needs of it."""
