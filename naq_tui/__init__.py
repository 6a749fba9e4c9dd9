"""naq-console: one full-screen view of a naq system, and the place to act on it."""
