"""A provider for tests of Messenger channels."""

from roomd.providers.base import MockProvider


class MockMessengerProvider(MockProvider):
    """Remembers what it was to send."""

    name = "mock-messenger"
