"""A provider for tests of WhatsApp channels."""

from roomd.providers.base import MockProvider


class MockWhatsAppProvider(MockProvider):
    """Remembers what it was to send."""

    name = "mock-whatsapp"
