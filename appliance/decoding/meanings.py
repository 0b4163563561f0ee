"""Groups the sentences that a search found by meaning; declared words go before wildcards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from appliance.decoding.two_model_fusion import TEMPERATURE
from appliance.grammar.nearest_sentence import nearest, spelling_distance
from appliance.text.normalise import normalise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from appliance.decoding.search_types import Candidate, Decoding, SearchEffort
    from appliance.grammar.grammar import Grammar
    from appliance.grammar.text_parser import ParsedSentence

    Spell = Callable[[Sequence[int]], str]
    """The text of tokens."""

NEAR = 0.2
"""Largest spelling distance, per letter, at which one sentence may be misheard for another; from
"stop me in timer" to "stop mijn timer" it is 0.13."""

NEARLY_AS_LIKELY_NATS = 4.0
"""A sentence that scores worse by more than this was not said: "stop the tea timer" is recognised,
although "stop the timer" is near."""

VERBS = 30
VERB_LIKENESS = 0.5
"""So many words that are so much alike (`difflib`) are tried in place of a misheard verb."""

DOUBTFUL_NATS = 8.0
"""If the other sentence scores worse by no more than this, it is unclear which one was said."""


@dataclass(slots=True)
class Meaning:
    """A meaning with its best candidate and the score of all its candidates together."""

    best: Candidate
    text: str
    reading: ParsedSentence
    score: float = -math.inf

    @property
    def own_letters(self) -> int:
        """Number of letters that no wildcard took."""
        return len(self.text) - self.reading.wildcard_characters


def meanings_of(decoding: Decoding, grammar: Grammar, spell: Spell) -> list[Meaning]:
    """The meanings of the candidates, best first; texts that mean the same count together.

    A wildcard also takes misheard words of a declared sentence: "create timer for 6 hours in 20
    minutes". So it loses to a declared sentence with nearly the same spelling.
    """
    found: dict[Any, Meaning] = {}
    for candidate in (*decoding.candidates, *_as_written(decoding, grammar, spell)):
        text = spell(candidate.tokens)
        reading = grammar.best_reading(text)
        if reading is not None:
            meaning = found.setdefault(reading.meaning, Meaning(candidate, text, reading))
            meaning.score = float(np.logaddexp(meaning.score, candidate.rank_score))
            if candidate.rank_score > meaning.best.rank_score:
                meaning.best, meaning.text, meaning.reading = candidate, text, reading
    ordered = sorted(found.values(), key=lambda one: -one.score)
    if ordered:
        ordered = _with_compounds(ordered, grammar)
    return [
        one
        for one in ordered
        if not any(
            _is_meant_by(one, other) and _is_within(NEARLY_AS_LIKELY_NATS, one, other)
            for other in ordered
        )
    ]


def _with_compounds(ordered: Sequence[Meaning], grammar: Grammar) -> list[Meaning]:
    """The meanings, with two words of the best one joined if a declared sentence has them as one.

    Both spellings sound alike, and the longer name wins: "garage deur" is the device "Garagedeur".
    """
    best, *others = ordered
    words = best.text.split()
    for at in range(1, len(words)):
        text = " ".join([*words[: at - 1], words[at - 1] + words[at], *words[at + 1 :]])
        reading = next(iter(grammar.readings(text)), None)
        if (
            reading is None
            or reading.wildcard_characters > best.reading.wildcard_characters
            or len(str(reading.slots.get("name", "")))
            <= len(str(best.reading.slots.get("name", "")))
        ):
            continue
        known = [one for one in others if one.reading.meaning == reading.meaning]
        score = float(np.logaddexp.reduce([best.score, *(one.score for one in known)]))
        rest = [one for one in others if one not in known]
        return [Meaning(best.best, text, reading, score), *rest]
    return [best, *others]


def is_contested(meanings: Sequence[Meaning]) -> bool:
    """Whether a wildcard of the best meaning took words that may belong to a declared sentence."""
    best = meanings[0]
    return any(
        _is_meant_by(best, other) and _is_within(DOUBTFUL_NATS, best, other)
        for other in meanings[1:]
    )


def _is_within(nats: float, best: Meaning, other: Meaning) -> bool:
    """Whether `other` scores worse by at most `nats`; fused scores are flattened."""
    fused = best.best.fused_score is not None
    return other.score >= best.score - (nats / TEMPERATURE if fused else nats)


def declared_sentences_near(
    decoding: Decoding, grammar: Grammar, spell: Spell, effort: SearchEffort
) -> list[str]:
    """Declared sentences near a best one with a wildcard, normalised."""
    best = next(iter(meanings_of(decoding, grammar, spell)), None)
    if best is None or not best.reading.wildcard_characters or best.reading.parts:
        return []
    beam, limit = effort.spelling_beam, effort.candidates_per_round
    near = nearest(grammar.declared, best.text, limit=limit, beam=beam)
    texts = [*(one.text for one in near), *_with_other_verb(best.text, grammar)]
    meant = (
        text
        for text in dict.fromkeys(texts)
        for reading in grammar.readings(text)[:1]
        if _is_meant_by(best, Meaning(best.best, text, reading))
    )
    return list(islice(meant, effort.batch_size))  # as many as the model scores in one call


def _with_other_verb(text: str, grammar: Grammar) -> Iterator[str]:
    """`text` with another first or last word: a verb that was misheard is in the wildcard, too.

    "Wette Milch auf die Liste" is "Setze Milch auf die Liste".
    """
    words = normalise(text).split()
    for at in {0, len(words) - 1}:
        for other in get_close_matches(words[at], grammar.words, n=VERBS, cutoff=VERB_LIKENESS):
            yield " ".join([*words[:at], other, *words[at + 1 :]])


def _as_written(decoding: Decoding, grammar: Grammar, spell: Spell) -> Iterator[Candidate]:
    """The free text, if it is a declared sentence in a spelling that the search does not know.

    Examples are "1h25" for "1 hour and 25 minutes", and two words written as one.
    """
    if any(one.fused_score is not None for one in decoding.candidates):
        return  # its score is that of one model
    text = spell(decoding.free.tokens)
    if normalise(text) in {normalise(spell(one.tokens)) for one in decoding.candidates}:
        return
    reading = grammar.best_reading(text)
    if reading is not None and not reading.wildcard_characters:
        yield decoding.free


def _is_meant_by(wild: Meaning, other: Meaning) -> bool:
    """Whether `other` is nearly the same sentence, with declared words in place of a wildcard."""
    if other.reading.wildcard_characters >= wild.reading.wildcard_characters:
        return False
    if other.own_letters <= wild.own_letters:
        return False  # a shorter value of the same wildcard: "milk" for "oat milk"
    said, meant = normalise(wild.text), normalise(other.text)
    return spelling_distance(said, meant) <= NEAR * max(len(said), len(meant))
