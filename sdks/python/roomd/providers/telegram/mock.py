"""A provider for tests of Telegram channels."""

from roomd.providers.base import MockProvider


class MockTelegramProvider(MockProvider):
    """Remembers what it was to send."""

    name = "mock-telegram"
