"""API keys, what a caller may do, and how often."""
