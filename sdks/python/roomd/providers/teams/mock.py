"""A provider for tests of Teams channels."""

from roomd.providers.base import MockProvider


class MockTeamsProvider(MockProvider):
    """Remembers what it was to send."""

    name = "mock-teams"
