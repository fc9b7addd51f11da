"""A provider for tests of SMS channels."""

from roomd.providers.base import MockProvider


class MockSMSProvider(MockProvider):
    """Remembers what it was to send."""

    name = "mock-sms"
