"""The roomd server: rooms, channels and hooks over gRPC."""

__version__ = "0.1.0"
