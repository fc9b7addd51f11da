"""The in-memory store of the documents: the embedded server keeps everything in memory."""


class InMemoryStore:
    """Given as ``RoomKit(store=InMemoryStore())``: nothing outlives the process."""
