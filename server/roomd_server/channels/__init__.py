"""Channels that the server itself serves: live connections, the script, the system."""
