"""The keys that change the system; each asks first, with "no" as the default."""
