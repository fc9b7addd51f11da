"""Providers of WhatsApp channels."""
