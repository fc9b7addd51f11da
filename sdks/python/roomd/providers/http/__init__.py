"""Providers of HTTP channels."""
