"""Keeps a CRM fed with leads from Catch The Good Ones."""

__version__ = "0.1.0"
