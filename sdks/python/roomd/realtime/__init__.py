"""Fleeting events."""
