"""Score fusion: combines the results of two models for one sound into one list of candidates.

Each model scores the likeliest sentences of both. A model that misheard a word is nearly certain
that the right sentence was not said, so scores are not added: the two probabilities are averaged
(a linear opinion pool, Stone 1961), which lets the other model prevail. They are flattened first,
because both models are too sure (temperature, Guo et al. 2017).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from appliance.decoding.calibration import Calibration
from appliance.decoding.search_types import Candidate, Decoding, SearchEffort
from appliance.decoding.sentence_search import decode, score_texts
from appliance.grammar.nearest_sentence import spelling_distance

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from appliance.decoding.search_types import Scorer
    from appliance.grammar.grammar import Grammar
    from appliance.grammar.token_mask import TokenVocabulary, TokenWalk

SENTENCES_PER_MODEL = 4
"""Number of sentences of each model that the other scores, too; 3 to 12 gave equal results."""

TEMPERATURE = 4.0
"""Divisor of the scores before fusion (Guo et al. 2017); 2 to 8 gave equal results."""

FIRST_MODEL_WEIGHT = 0.25
"""Weight of the first model, out of 1.0: it counts less, because the second is asked only if the
first is in doubt. 0.15 to 0.4 gave equal results, 0.5 worse ones."""

SPELLING_NATS = 1.5
"""Cost of each letter that differs from the free text, in addition to `SearchEffort.spelling_nats`:
two models that are both wrong about a word often write a similar sound. With 0.5, fewer sentences
were found at two offsets of the noise, and as many at four."""

_WEIGHTS = np.array((FIRST_MODEL_WEIGHT, 1.0 - FIRST_MODEL_WEIGHT))


@dataclass(frozen=True, slots=True)
class ModelOpinion:
    """A model that heard the sound, and the sentences that it found."""

    scorer: Scorer
    walk: TokenWalk
    effort: SearchEffort
    decoding: Decoding

    @classmethod
    def of(cls, scorer: Scorer, walk: TokenWalk, effort: SearchEffort) -> ModelOpinion:
        """Search with this model only."""
        return cls(scorer, walk, effort, decode(scorer, walk, effort))

    def with_texts(self, texts: Sequence[str]) -> ModelOpinion:
        """Score more sentences, too; `texts` are normalised."""
        if not texts:
            return self
        decoding = score_texts(self.scorer, self.walk, self.effort, self.decoding, texts)
        return replace(self, decoding=decoding)

    def best_texts(self) -> list[str]:
        """Its best sentences, normalised."""
        candidates = self.decoding.candidates[:SENTENCES_PER_MODEL]
        return [self.walk.vocabulary.normalised_text(one.tokens) for one in candidates]

    def score_texts(self, texts: Iterable[str]) -> tuple[Decoding, dict[str, Candidate]]:
        """Its decoding with these sentences scored, too, and the candidates by their text."""
        found = score_texts(self.scorer, self.walk, self.effort, self.decoding, texts)
        plain = self.walk.vocabulary.normalised_text
        return found, {plain(one.tokens): one for one in found.candidates}

    def log_probabilities(
        self, texts: Sequence[str], candidates: dict[str, Candidate]
    ) -> Sequence[float]:
        """Flattened log probability of each sentence, if one of them was said."""
        heard = self.walk.vocabulary.normalised_text(self.decoding.free.tokens)
        flat = [
            (candidates[text].score - SPELLING_NATS * spelling_distance(heard, text)) / TEMPERATURE
            for text in texts
        ]
        logs: list[float] = (np.array(flat) - np.logaddexp.reduce(flat)).tolist()
        return logs


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFusion:
    """A second model, and how its scores join those of the first."""

    vocabulary: TokenVocabulary
    """Vocabulary of the second model."""
    effort: SearchEffort = field(default_factory=SearchEffort)
    """Search bounds of the second model."""
    calibration: Calibration = field(default_factory=Calibration)
    """Calibration of the fused scores."""

    def fuse(
        self, first: ModelOpinion, second: Scorer, grammar: Grammar, *, verbatim: bool
    ) -> Decoding | None:
        """Search with the second model, too, and fuse what both found.

        If `verbatim`, only the second model's free text counts: None if it is not a sentence.
        """
        walk = grammar.walk(self.vocabulary)
        effort = replace(self.effort, max_distance=0.0) if verbatim else self.effort
        opinion = ModelOpinion.of(second, walk, effort)
        if verbatim and not opinion.decoding.candidates:
            return None
        return fused(first, opinion)


def fused(first: ModelOpinion, second: ModelOpinion) -> Decoding:
    """The sentences that both models can score, ordered by their mean probability.

    Tokens are those of the first model, scores the weighted mean of both.
    """
    texts = list(dict.fromkeys([*first.best_texts(), *second.best_texts()]))
    first_found, of_first = first.score_texts(texts)
    second_found, of_second = second.score_texts(texts)
    shared = [text for text in texts if text in of_first and text in of_second]
    logs = zip(
        first.log_probabilities(shared, of_first),
        second.log_probabilities(shared, of_second),
        strict=True,
    )
    candidates = [
        _mean(of_first[text], of_second[text], float(np.logaddexp(*(np.log(_WEIGHTS) + both))))
        for text, both in zip(shared, logs, strict=True)
    ]
    return Decoding(
        candidates=tuple(sorted(candidates, key=lambda one: (-one.rank_score, one.tokens))),
        free=_mean(first_found.free, second_found.free, None),
        free_text=second_found.free_text,
        heard=second_found.heard,
        calls=first_found.calls + second_found.calls,
        tokens=first_found.tokens + second_found.tokens,
        distance=min(first_found.distance, second_found.distance),
        heard_by_first=first_found.heard,
    )


def _mean(one: Candidate, other: Candidate, log_probability: float | None) -> Candidate:
    score = float(np.dot(_WEIGHTS, (one.score, other.score)))
    best = float(np.dot(_WEIGHTS, (one.best_spelling_score, other.best_spelling_score)))
    fused_score = None if log_probability is None else TEMPERATURE * log_probability
    return Candidate(one.tokens, score, best, fused_score)
