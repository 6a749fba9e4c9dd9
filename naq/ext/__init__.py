"""Middleware for other systems, each with a dependency of its own: `pip install "naq[otel]"`, `naq[prometheus]`."""
