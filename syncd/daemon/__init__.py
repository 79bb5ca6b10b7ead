"""The daemon: a calendar of chores, lanes that are woken, orders from signals, and word to the service manager."""
