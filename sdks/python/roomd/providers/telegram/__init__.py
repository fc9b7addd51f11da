"""Providers of Telegram channels."""
