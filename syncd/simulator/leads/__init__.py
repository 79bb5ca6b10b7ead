"""Leads: people, rows, listings, enrichment, and feedback."""
