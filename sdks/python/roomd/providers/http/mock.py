"""A provider for tests of HTTP channels."""

from roomd.providers.base import MockProvider


class MockHTTPProvider(MockProvider):
    """Remembers what it was to send."""

    name = "mock-http"
