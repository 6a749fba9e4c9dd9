"""Measure what naq does on a server: behind `naq bench`, and behind the project's own benchmarks."""
