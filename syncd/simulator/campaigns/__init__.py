"""Campaigns, their pairs and runs, segments, and tracked accounts."""
