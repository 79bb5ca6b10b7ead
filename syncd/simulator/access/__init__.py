"""API keys, rate limits, planned failures, and the log of requests."""
