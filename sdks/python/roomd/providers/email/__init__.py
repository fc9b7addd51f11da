"""Providers of Email channels."""
