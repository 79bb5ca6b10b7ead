"""Keys, their allowance, ordered failures, and the log of requests."""
