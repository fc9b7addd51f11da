"""Providers of RCS channels."""
