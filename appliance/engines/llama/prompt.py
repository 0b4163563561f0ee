"""A conversation as tokens, the part that never changes first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.engines.llama import chat_templates
from appliance.engines.llama_library import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.engines.llama_library import Weights


class Prompt:
    """The prompts of one model under one system prompt."""

    def __init__(self, weights: Weights, system: str, template: str) -> None:
        self._weights = weights
        self._system = system
        own = weights.metadata("tokenizer.chat_template")
        begin = weights.begin
        self._begin = "" if begin is None else weights.piece(begin, special=True).decode()
        end = weights.piece(weights.end, special=True).decode() if weights.end >= 0 else ""
        try:
            chosen = chat_templates.choose(template, own)
            self._chat = chat_templates.Chat(chosen, begin=self._begin, end=end)
            self._chat.between(system, 1)
        except ValueError as error:
            raise ModelError(f"{error}; name another in language_model.chat_template") from None
        self.head = self._opening(self._chat.between(system, 1)[0])
        """Tokens up to the first thing that somebody says; the same for every request."""

    def tokens(self, said: Sequence[str]) -> list[int]:
        """All tokens for questions and answers in turn, the last of them the question."""
        try:
            between = self._chat.between(self._system, len(said))
        except ValueError as error:
            raise ModelError(str(error)) from None
        found = self._opening(between[0])
        for text, behind in zip(said, between[1:], strict=True):
            found += self._weights.tokens(text, special=False)
            found += self._weights.tokens(behind, special=True)
        return found

    def _opening(self, text: str) -> list[int]:
        """With the token that the model wants at the beginning, once."""
        begin = self._weights.begin
        found = self._weights.tokens(text, special=True)
        return found if begin is None or found[:1] == [begin] else [begin, *found]
