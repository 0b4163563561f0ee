"""Whether a sentence may be the rest of a longer one: "are the lights on", "reset the timer".

A speech model often misses a short word or a prefix at the beginning, and constrained decoding then
finds the sentence that is left: "the kitchen lights on" switches them on. So the model scores the
same words with an auxiliary verb of the language, too, before and inside them, or with a prefix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.text.word_lists import word_lists_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from appliance.decoding.search_types import Tokens
    from appliance.grammar.token_mask import TokenWalk
    from appliance.text.word_lists import WordLists

NEARLY_NATS = 2.0
"""Nothing is done if a longer sentence scores worse than the sentence by less than this. Of
synthetic questions each scored better by 1 to 3 nats, of recorded orders worse by 11 and more."""


def texts_to_compare(walk: TokenWalk, sentence: str, heard: str, language: str) -> list[Tokens]:
    """The tokens of the sentence, then those of other sentences of which it may be the rest.

    Empty if there is nothing to compare: the sentence was heard word for word, or its beginning was
    and its end names no state.

    Args:
        walk: of the sentences, with a model's vocabulary.
        sentence: normalised.
        heard: the free text, normalised.
        language: of both.

    """
    lists, words = word_lists_for(language), sentence.split()
    begins_as_heard = words[:1] == heard.split()[:1] and not _names_state(words, lists)
    if not words or heard == sentence or begins_as_heard:
        return []
    others = list(longer_sentences(words, lists))
    own, *spelled = (walk.tokens_of(text, {}) for text in (sentence, *others))
    return [own, *filter(None, spelled)] if own and any(spelled) else []


def may_be_longer_one(scores: Sequence[float]) -> bool:
    """Whether another sentence is about as likely as the first one, of which `scores` are."""
    own, *others = scores
    return any(score > own - NEARLY_NATS for score in others)


def longer_sentences(words: Sequence[str], lists: WordLists) -> Iterator[str]:
    """The sentences that may have been said in full.

    "Kitchen lights on" gives "are the kitchen lights on" and "kitchen lights are on", among others;
    "set the timer" gives "reset the timer".
    """
    if words[0] in lists.imperatives:
        for prefix in lists.verb_prefixes:
            yield " ".join([prefix + words[0], *words[1:]])
    ends_with_state = _names_state(words, lists)
    others = words[:-1] if ends_with_state else words
    if not others or not lists.imperatives.union(lists.verbs).isdisjoint(others):
        return
    begin = next((at for at, word in enumerate(words) if word not in lists.links), 0)
    for verb in lists.auxiliaries:
        for article in dict.fromkeys(("", " ".join(words[:begin]), *lists.usual_articles)):
            yield " ".join([verb, *article.split(), *words[begin:]])
        if ends_with_state:
            yield " ".join([*others, verb, words[-1]])


def _names_state(words: Sequence[str], lists: WordLists) -> bool:
    return tuple(words[-1:]) in lists.states
