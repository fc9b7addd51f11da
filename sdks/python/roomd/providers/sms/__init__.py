"""Providers of SMS channels."""
