"""The in-memory realtime backend of the documents: the service carries fleeting events itself."""


class InMemoryRealtime:
    """Given as ``RoomKit(realtime=InMemoryRealtime())``: what the service does anyway."""
