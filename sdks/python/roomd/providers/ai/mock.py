"""A model for tests: answers from a list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from roomd.providers.ai.base import AIContext, AIProvider, AIResponse


class MockAIProvider(AIProvider):
    """Answers from a list, in turn; remembers what it was asked.

    Args:
        responses: The answers; after the last it begins again.
        streaming: Answer word by word.
        vision: Say that it sees pictures.
    """

    def __init__(
        self,
        responses: Sequence[str] = ("Mock response",),
        *,
        streaming: bool = False,
        vision: bool = False,
    ) -> None:
        self.responses = list(responses)
        self.calls: list[AIContext] = []
        self._streaming = streaming
        self._vision = vision

    @property
    def model_name(self) -> str:
        """``mock``."""
        return "mock"

    @property
    def supports_streaming(self) -> bool:
        """As it was made."""
        return self._streaming

    @property
    def supports_vision(self) -> bool:
        """As it was made."""
        return self._vision

    def _next(self, context: AIContext) -> str:
        self.calls.append(context)
        return self.responses[(len(self.calls) - 1) % len(self.responses)]

    async def generate(self, context: AIContext) -> AIResponse:
        """The next answer."""
        return AIResponse(content=self._next(context), finish_reason="stop")

    async def generate_stream(self, context: AIContext) -> AsyncIterator[str]:
        """The next answer, word by word."""
        words = self._next(context).split(" ")
        for number, word in enumerate(words):
            yield word if number == 0 else f" {word}"
