"""Participants; see ``roomd.models.room``."""

from roomd.models.room import Participant

__all__ = ["Participant"]
