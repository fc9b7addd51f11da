"""Providers of Teams channels."""
