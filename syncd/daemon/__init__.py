"""The daemon: a calendar of chores, lanes that are woken, orders from signals, and messages to the service manager."""
