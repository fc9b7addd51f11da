"""Transport channels with a provider of the application behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roomd.channels.base import Channel, plain_event
from roomd.models.channel import ChannelBinding, ChannelCapabilities, ChannelOutput
from roomd.models.delivery import InboundMessage, ProviderResult
from roomd.models.enums import ChannelType
from roomd.models.event import RoomEvent
from roomd.models.room import RoomContext
from roomd.providers.base import TransportProvider

RECIPIENT_KEYS: Mapping[ChannelType, str] = {
    ChannelType.SMS: "phone_number",
    ChannelType.RCS: "phone_number",
    ChannelType.EMAIL: "email_address",
    ChannelType.WHATSAPP: "phone_number",
    ChannelType.WHATSAPP_PERSONAL: "phone_number",
    ChannelType.MESSENGER: "facebook_user_id",
    ChannelType.TELEGRAM: "telegram_chat_id",
    ChannelType.TEAMS: "teams_conversation_id",
    ChannelType.WEBHOOK: "recipient_id",
}


class ProviderDeliveryError(Exception):
    """The provider did not take a message."""

    def __init__(self, result: ProviderResult) -> None:
        super().__init__(result.error or "the provider did not take the message")
        self.code = result.error or "provider_error"
        self.retryable = bool(result.metadata.get("retryable", False))


class TransportChannel(Channel):
    """Any channel type over a provider.

    Args:
        channel_id: Its id.
        channel_type: Its type; gives capabilities and recipient key.
        provider: Brings events out.
        capabilities: Other capabilities than the type's.
        recipient_key: Key in a binding's metadata that names the recipient.
        defaults: More arguments for ``provider.send``.
    """

    def __init__(
        self,
        channel_id: str,
        channel_type: ChannelType,
        *,
        provider: TransportProvider | None = None,
        capabilities: ChannelCapabilities | None = None,
        recipient_key: str | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(channel_id)
        self.channel_type = channel_type
        self.provider = provider
        self._capabilities = capabilities
        self._recipient_key = recipient_key or RECIPIENT_KEYS.get(channel_type, "recipient_id")
        self._defaults = dict(defaults or {})

    def capabilities(self) -> ChannelCapabilities | None:
        """Those given; None: the type's."""
        return self._capabilities

    async def handle_inbound(self, message: InboundMessage, context: RoomContext) -> RoomEvent:
        """The message as it is."""
        return plain_event(self, message, context.room.id)

    async def deliver(
        self, event: RoomEvent, binding: ChannelBinding, context: RoomContext
    ) -> ChannelOutput:
        """Let the provider send it.

        Raises:
            ProviderDeliveryError: it was not taken, or there is no provider.
        """
        if self.provider is None:
            missing = ProviderResult(success=False, error="no_provider")
            raise ProviderDeliveryError(missing)
        to = str(binding.metadata.get(self._recipient_key, ""))
        result = await self.provider.send(event, to, **self._arguments(binding))
        if not result.success:
            raise ProviderDeliveryError(result)
        return ChannelOutput(provider_result=result)

    def _arguments(self, binding: ChannelBinding) -> dict[str, Any]:
        arguments = {}
        for name, value in self._defaults.items():
            chosen = value if value is not None else binding.metadata.get(name)
            if chosen is not None:
                arguments[name] = chosen
        return arguments
