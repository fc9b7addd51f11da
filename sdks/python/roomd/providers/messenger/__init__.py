"""Providers of Messenger channels."""
