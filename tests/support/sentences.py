"""Sentences that a test declares in place, without files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hassil import Intents

from appliance.sentences.sentence_files import DeclaredIntent
from appliance.sentences.sentence_set import SentenceSet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def intents_of(
    sentences: Mapping[str, str | Sequence[str]], language: str = "en", **parts: Any
) -> Intents:
    """The templates of each intent; `parts` are `lists`, `expansion_rules`, `skip_words`."""
    data = {
        name: {"data": [{"sentences": [texts] if isinstance(texts, str) else list(texts)}]}
        for name, texts in sentences.items()
    }
    return Intents.from_dict({"language": language, "intents": data, **parts})


def sentence_set(
    sentences: Mapping[str, str | Sequence[str]],
    *declared: DeclaredIntent,
    language: str = "en",
    **parts: Any,
) -> SentenceSet:
    """What `intents_of` makes; intents that `declared` does not name have the defaults."""
    named = {name: DeclaredIntent(name) for name in sentences}
    named |= {intent.name: intent for intent in declared}
    return SentenceSet(language, intents_of(sentences, language, **parts), named)
