"""A provider for tests of Email channels."""

from roomd.providers.base import MockProvider


class MockEmailProvider(MockProvider):
    """Remembers what it was to send."""

    name = "mock-email"
