"""Turns a conversation into tokens, with the fixed part of the prompt first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.engines.llama import chat_templates
from appliance.engines.llama_library import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.engines.llama_library import Weights


class Prompt:
    """Prompts for one model with one system prompt."""

    def __init__(self, weights: Weights, system: str, template: str) -> None:
        """`template` names a built-in chat template; empty: the one in the model file."""
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
        self.head = self._with_begin(self._chat.between(system, 1)[0])
        """Tokens before the first text of a user; the same for every request."""

    def tokens(self, turns: Sequence[str]) -> list[int]:
        """Tokens of a conversation: questions and answers in turn, a question last."""
        try:
            between = self._chat.between(self._system, len(turns))
        except ValueError as error:
            raise ModelError(str(error)) from None
        found = self._with_begin(between[0])
        for text, after in zip(turns, between[1:], strict=True):
            found += self._weights.tokens(text, special=False)
            found += self._weights.tokens(after, special=True)
        return found

    def _with_begin(self, text: str) -> list[int]:
        """Tokens of `text`, with the token that begins a prompt, if the model has one."""
        begin = self._weights.begin
        found = self._weights.tokens(text, special=True)
        return found if begin is None or found[:1] == [begin] else [begin, *found]
