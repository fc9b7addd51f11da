"""The in-memory room locks of the documents: the service orders each room's messages itself."""


class InMemoryLockManager:
    """Given as ``RoomKit(lock_manager=InMemoryLockManager())``: what the service does anyway.

    Args:
        max_locks: Taken and not used; the service keeps a room's order as long as it is live.
    """

    def __init__(self, max_locks: int = 1024) -> None:
        self.max_locks = max_locks
