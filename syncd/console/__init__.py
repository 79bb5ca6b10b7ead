"""The console: pages for browsers about a ledger. A program of its own: the engine and other verbs import nothing of it."""
