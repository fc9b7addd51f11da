"""What channel types can show, what they are for, and where their recipient is written."""

from __future__ import annotations

from collections.abc import Mapping

from roomd import v1 as pb

_TEXT, _RICH, _MEDIA = pb.MEDIA_TYPE_TEXT, pb.MEDIA_TYPE_RICH, pb.MEDIA_TYPE_MEDIA
_AUDIO, _VIDEO = pb.MEDIA_TYPE_AUDIO, pb.MEDIA_TYPE_VIDEO
_LOCATION, _TEMPLATE = pb.MEDIA_TYPE_LOCATION, pb.MEDIA_TYPE_TEMPLATE

_CLIENT = pb.Capabilities(
    media_types=[_TEXT, _RICH, _MEDIA, _AUDIO, _VIDEO, _LOCATION],
    supports_edit=True,
    supports_delete=True,
    supports_reactions=True,
    supports_typing=True,
    supports_read_receipts=True,
    supports_threading=True,
    supports_buttons=True,
    supports_cards=True,
    supports_quick_replies=True,
    supports_streaming=True,
)
_PLAIN = pb.Capabilities(media_types=[_TEXT])
_SPEECH = pb.Capabilities(media_types=[_AUDIO, _TEXT])
_SMS = pb.Capabilities(
    media_types=[_TEXT, _MEDIA], max_length=1600, supports_read_receipts=True, supports_parts=True
)

DEFAULTS: Mapping[int, pb.Capabilities] = {
    pb.CHANNEL_TYPE_SMS: _SMS,
    pb.CHANNEL_TYPE_MMS: _SMS,
    pb.CHANNEL_TYPE_RCS: pb.Capabilities(
        media_types=[_TEXT, _RICH, _MEDIA],
        max_length=8000,
        supports_parts=True,
        supports_typing=True,
        supports_read_receipts=True,
        supports_buttons=True,
        supports_cards=True,
        supports_quick_replies=True,
    ),
    pb.CHANNEL_TYPE_EMAIL: pb.Capabilities(
        media_types=[_TEXT, _RICH, _MEDIA], supports_threading=True
    ),
    pb.CHANNEL_TYPE_WHATSAPP: pb.Capabilities(
        media_types=[_TEXT, _RICH, _MEDIA, _LOCATION, _TEMPLATE],
        max_length=4096,
        supports_parts=True,
        supports_edit=True,
        supports_delete=True,
        supports_reactions=True,
        supports_read_receipts=True,
        supports_buttons=True,
        max_buttons=3,
        supports_quick_replies=True,
    ),
    pb.CHANNEL_TYPE_WHATSAPP_PERSONAL: pb.Capabilities(
        media_types=[_TEXT, _RICH, _MEDIA, _AUDIO, _VIDEO, _LOCATION],
        max_length=4096,
        supports_parts=True,
        supports_edit=True,
        supports_delete=True,
        supports_reactions=True,
        supports_typing=True,
        supports_read_receipts=True,
        supported_mime_types=[
            "image/jpeg",
            "image/png",
            "image/webp",
            "audio/ogg",
            "audio/mp4",
            "video/mp4",
        ],
    ),
    pb.CHANNEL_TYPE_MESSENGER: pb.Capabilities(
        media_types=[_TEXT, _RICH, _MEDIA, _TEMPLATE],
        max_length=2000,
        supports_parts=True,
        supports_delete=True,
        supports_read_receipts=True,
        supports_buttons=True,
        max_buttons=3,
        supports_quick_replies=True,
    ),
    pb.CHANNEL_TYPE_TELEGRAM: pb.Capabilities(
        media_types=[_TEXT, _RICH, _MEDIA, _LOCATION],
        max_length=4096,
        supports_parts=True,
        supports_edit=True,
        supports_delete=True,
        supports_reactions=True,
        supports_buttons=True,
    ),
    pb.CHANNEL_TYPE_TEAMS: pb.Capabilities(
        media_types=[_TEXT, _RICH],
        max_length=28000,
        supports_parts=True,
        supports_edit=True,
        supports_delete=True,
        supports_threading=True,
        supports_reactions=True,
        supports_read_receipts=True,
    ),
    pb.CHANNEL_TYPE_WEBHOOK: pb.Capabilities(
        media_types=[_TEXT, _RICH],
        supports_buttons=True,
        supports_cards=True,
        supports_quick_replies=True,
    ),
    pb.CHANNEL_TYPE_WEBSOCKET: _CLIENT,
    pb.CHANNEL_TYPE_AI: pb.Capabilities(
        media_types=[_TEXT, _RICH],
        supports_buttons=True,
        supports_cards=True,
        supports_quick_replies=True,
    ),
    pb.CHANNEL_TYPE_VOICE: _SPEECH,
    pb.CHANNEL_TYPE_REALTIME_VOICE: _SPEECH,
    pb.CHANNEL_TYPE_PUSH: pb.Capabilities(media_types=[_TEXT], max_length=4000),
    pb.CHANNEL_TYPE_VIDEO: pb.Capabilities(media_types=[_VIDEO, _TEXT]),
    pb.CHANNEL_TYPE_AUDIO_VIDEO: pb.Capabilities(media_types=[_AUDIO, _VIDEO, _TEXT]),
    pb.CHANNEL_TYPE_REALTIME_AUDIO_VIDEO: pb.Capabilities(media_types=[_AUDIO, _VIDEO, _TEXT]),
    pb.CHANNEL_TYPE_CLI: pb.Capabilities(media_types=[_TEXT], supports_streaming=True),
    pb.CHANNEL_TYPE_SYSTEM: _CLIENT,
}
"""Capabilities of a type, unless a channel or binding says otherwise."""

SHOWN_WITH: Mapping[int, str] = {
    pb.EVENT_TYPE_TYPING: "supports_typing",
    pb.EVENT_TYPE_READ_RECEIPT: "supports_read_receipts",
    pb.EVENT_TYPE_REACTION: "supports_reactions",
}
"""What a channel must support to be given events of a type: as words they would be a message
that nobody wrote. Other types need nothing."""

_INTELLIGENCE = frozenset(
    (
        pb.CHANNEL_TYPE_AI,
        pb.CHANNEL_TYPE_REALTIME_VOICE,
        pb.CHANNEL_TYPE_REALTIME_AUDIO_VIDEO,
    )
)

_RECIPIENT_KEYS: Mapping[int, str] = {
    pb.CHANNEL_TYPE_SMS: "phone_number",
    pb.CHANNEL_TYPE_MMS: "phone_number",
    pb.CHANNEL_TYPE_RCS: "phone_number",
    pb.CHANNEL_TYPE_EMAIL: "email_address",
    pb.CHANNEL_TYPE_WHATSAPP: "phone_number",
    pb.CHANNEL_TYPE_WHATSAPP_PERSONAL: "phone_number",
    pb.CHANNEL_TYPE_MESSENGER: "facebook_user_id",
    pb.CHANNEL_TYPE_TELEGRAM: "telegram_chat_id",
    pb.CHANNEL_TYPE_TEAMS: "teams_conversation_id",
    pb.CHANNEL_TYPE_WEBHOOK: "recipient_id",
}


def category_of(channel_type: int) -> pb.ChannelCategory:
    """TRANSPORT or INTELLIGENCE."""
    if channel_type in _INTELLIGENCE:
        return pb.CHANNEL_CATEGORY_INTELLIGENCE
    return pb.CHANNEL_CATEGORY_TRANSPORT


def recipient_key_of(channel_type: int) -> str:
    """Key in a binding's metadata that holds the recipient; '' when the type needs none."""
    return _RECIPIENT_KEYS.get(channel_type, "")


def described(binding: pb.Binding, capabilities: pb.Capabilities) -> pb.Binding:
    """A binding as handlers are told it: with the capabilities that hold for it."""
    if binding.HasField("capabilities"):
        return binding
    copy = pb.Binding()
    copy.CopyFrom(binding)
    copy.capabilities.CopyFrom(capabilities)
    return copy


def of_type(org: str, binding: pb.Binding) -> pb.Capabilities:
    """What a bound channel can show by its type, when nobody knows the channel itself."""
    return effective(pb.Channel(type=binding.channel_type), binding)


def effective(channel: pb.Channel, binding: pb.Binding | None) -> pb.Capabilities:
    """The binding's capabilities, else the channel's, else the type's."""
    if binding is not None and binding.HasField("capabilities"):
        return binding.capabilities
    if channel.HasField("capabilities"):
        return channel.capabilities
    return DEFAULTS.get(channel.type, _PLAIN)
