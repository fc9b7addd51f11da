"""A file for the embedded server."""

from __future__ import annotations


class SQLiteStore:
    """Given as ``RoomKit(store=SQLiteStore("rooms.db"))``: everything survives in the file."""

    def __init__(self, path: str) -> None:
        self.path = path
