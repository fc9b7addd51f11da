"""Channels and the functions that make them."""

from __future__ import annotations

from roomd.channels.base import Channel
from roomd.channels.transport import TransportChannel
from roomd.channels.websocket import WebSocketChannel
from roomd.models.enums import ChannelType
from roomd.providers.base import TransportProvider


def SMSChannel(  # noqa: N802 - the documents' name
    channel_id: str,
    *,
    provider: TransportProvider | None = None,
    from_number: str | None = None,
) -> TransportChannel:
    """Text messages; recipient key ``phone_number``."""
    return TransportChannel(
        channel_id, ChannelType.SMS, provider=provider, defaults={"from_": from_number}
    )


def RCSChannel(  # noqa: N802
    channel_id: str, *, provider: TransportProvider | None = None
) -> TransportChannel:
    """Rich Communication Services; recipient key ``phone_number``."""
    return TransportChannel(channel_id, ChannelType.RCS, provider=provider)


def EmailChannel(  # noqa: N802
    channel_id: str, *, provider: TransportProvider | None = None
) -> TransportChannel:
    """E-mail; recipient key ``email_address``."""
    return TransportChannel(channel_id, ChannelType.EMAIL, provider=provider)


def WhatsAppChannel(  # noqa: N802
    channel_id: str, *, provider: TransportProvider | None = None
) -> TransportChannel:
    """WhatsApp; recipient key ``phone_number``."""
    return TransportChannel(channel_id, ChannelType.WHATSAPP, provider=provider)


def MessengerChannel(  # noqa: N802
    channel_id: str, *, provider: TransportProvider | None = None
) -> TransportChannel:
    """Facebook Messenger; recipient key ``facebook_user_id``."""
    return TransportChannel(channel_id, ChannelType.MESSENGER, provider=provider)


def TelegramChannel(  # noqa: N802
    channel_id: str, *, provider: TransportProvider | None = None
) -> TransportChannel:
    """Telegram; recipient key ``telegram_chat_id``."""
    return TransportChannel(channel_id, ChannelType.TELEGRAM, provider=provider)


def TeamsChannel(  # noqa: N802
    channel_id: str, *, provider: TransportProvider | None = None
) -> TransportChannel:
    """Microsoft Teams; recipient key ``teams_conversation_id``."""
    return TransportChannel(channel_id, ChannelType.TEAMS, provider=provider)


def HTTPChannel(  # noqa: N802
    channel_id: str, *, provider: TransportProvider | None = None
) -> TransportChannel:
    """Any system that takes callbacks; recipient key ``recipient_id``."""
    return TransportChannel(channel_id, ChannelType.WEBHOOK, provider=provider)


__all__ = [
    "Channel",
    "EmailChannel",
    "HTTPChannel",
    "MessengerChannel",
    "RCSChannel",
    "SMSChannel",
    "TeamsChannel",
    "TelegramChannel",
    "TransportChannel",
    "WebSocketChannel",
    "WhatsAppChannel",
]
