"""What a handler is told; see ``roomd.models.room``."""

from roomd.models.room import RoomContext

__all__ = ["RoomContext"]
