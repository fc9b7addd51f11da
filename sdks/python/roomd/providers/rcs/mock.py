"""A provider for tests of RCS channels."""

from roomd.providers.base import MockProvider


class MockRCSProvider(MockProvider):
    """Remembers what it was to send."""

    name = "mock-rcs"
