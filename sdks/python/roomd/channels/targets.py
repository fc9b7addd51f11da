"""What all of a room's transports can show: the hints that a model is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from roomd.models.channel import ChannelBinding, ChannelCapabilities
from roomd.models.enums import Access, ChannelCategory, ChannelDirection, ChannelMediaType

_LIMITS = (
    "max_length",
    "max_buttons",
    "max_media_size_bytes",
    "max_audio_duration_seconds",
    "max_video_duration_seconds",
)
_HEARERS = frozenset((Access.READ_WRITE, Access.READ_ONLY))


def targets_of(bindings: Iterable[ChannelBinding], visibility: str) -> list[ChannelBinding]:
    """The transports that hear what has this visibility."""
    if visibility in ("none", "internal", "intelligence"):
        return []
    named = None if visibility in ("all", "transport") else set(visibility.split(","))
    return [
        binding
        for binding in bindings
        if binding.category == ChannelCategory.TRANSPORT
        and binding.access in _HEARERS
        and binding.direction != ChannelDirection.INBOUND
        and (named is None or binding.channel_id in named)
    ]


def common_capabilities(targets: Sequence[ChannelBinding]) -> ChannelCapabilities | None:
    """What every target can show: abilities that all have, limits of the narrowest; None when
    there is no target.
    """
    if not targets:
        return None
    all_of_them = [target.capabilities for target in targets]
    mimes = _common_mimes([one.supported_media_types for one in all_of_them])
    types = [
        kind
        for kind in all_of_them[0].media_types
        if all(kind in one.media_types for one in all_of_them)
        and (kind != ChannelMediaType.MEDIA or mimes is not None)
    ]
    flags = {
        name: all(getattr(one, name) for one in all_of_them)
        for name in ChannelCapabilities.model_fields
        if name.startswith("supports_")
    }
    flags["supports_media"] = flags["supports_media"] and mimes is not None
    limits = {
        name: min((value for one in all_of_them if (value := getattr(one, name))), default=None)
        for name in _LIMITS
    }
    return ChannelCapabilities(
        media_types=types or [ChannelMediaType.TEXT],
        supported_media_types=mimes or [],
        **flags,
        **limits,
    )


def _common_mimes(lists: Sequence[list[str]]) -> list[str] | None:
    """Media types that all take; [] when none of them limits, None when no type suits all."""
    limits = [one for one in lists if one]
    if not limits:
        return []
    common = [
        mime
        for mime in dict.fromkeys(mime for one in limits for mime in one)
        if all(_takes(one, mime) for one in limits)
    ]
    return common or None


def _takes(taken: Iterable[str], mime: str) -> bool:
    kind = f"{mime.partition('/')[0]}/*"
    return any(one in (mime, kind, "*/*") for one in taken)
