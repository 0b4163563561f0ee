"""Arguments and results of the search for a sentence in sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.grammar.nearest_sentence import spelling_distance

if TYPE_CHECKING:
    from collections.abc import Sequence

Tokens = tuple[int, ...]
Row = NDArray[np.float32]
"""Logits over the vocabulary, shape (tokens,)."""


LogRows = NDArray[np.float32]
"""Log probabilities or logits of the next token, shape (positions, tokens)."""


class Continuation(Protocol):
    """A prefix and what the model wrote after it."""

    @property
    def tokens(self) -> Tokens:
        """The prefix, then the likeliest token at each step; without the end token."""

    @property
    def logits(self) -> NDArray[np.float32]:
        """Logits of the next token at each position, shape (n, vocabulary).

        Row i belongs to token i; a row after the last token tells whether the text ends there.
        """


class Scorer(Protocol):
    """A model that has encoded a sound and scores texts against it."""

    def continuations(self, prefixes: Sequence[Tokens], further: int) -> Sequence[Continuation]:
        """Read each prefix, then write on greedily, at most `further` tokens."""

    def likelihoods(self, texts: Sequence[Tokens]) -> Sequence[float]:
        """Log probability of each text without its end; faster than `continuations`."""


@dataclass(frozen=True, slots=True)
class SearchEffort:
    """Bounds of the search; the numbers were measured, see docs/measurements/accuracy.md.

    "Free text" is what the model writes without a grammar. Distances are those of
    `grammar.nearest_sentence`, per letter; nats are natural logarithms of probability.
    """

    batch_size: int = 2
    """Branches that the model continues in one call."""
    max_calls: int = 7
    """Maximum number of calls of the model, the one for the free text included."""
    first_pass_calls: int = 3
    """Calls of the search from left to right, before candidates are looked up by spelling."""
    first_pass_distance: float = 0.15
    """The search from left to right comes first only if the spelling distance from the free text to
    the nearest sentence is at most this."""
    max_distance: float = 0.35
    """If every sentence has a larger spelling distance to the free text, none was said."""
    candidates_per_round: int = 16
    """Number of sentences looked up by spelling in one round."""
    texts_per_pass: int = 6
    """Number of these that the model scores before the search decides whether to score more."""
    bound_lead_nats: float = 5.0
    """A sentence that scores worse than the best by more than this is not needed: a larger lead
    says no more (`calibration.LARGEST_MARGIN_NATS`)."""
    candidate_rounds: int = 2
    """Number of rounds, each around the best candidate of the one before."""
    declared_distance: float = 0.12
    """If a sentence without a wildcard is at most this far, those with one are not looked up."""
    spelling_beam: int = 120
    """Places in the automaton kept at each letter of a look-up."""
    verbatim_nats_per_token: float = 0.1
    """If the free text scores better by less than this, a sentence was said word for word."""
    verbatim_calls: int = 2
    """Calls that are enough in this case to find another sentence that is as likely."""
    good_fit_nats_per_token: float = 0.4
    """If the free text scores better by less than this, no candidates are looked up."""
    hopeless_nats_per_token: float = 3.0
    """A branch is dropped if the free text scores better by more than this."""
    clear_lead_nats: float = 2.0
    """The search ends when the best sentence leads every open branch by this much."""
    max_tokens: int = 64
    """Maximum number of tokens of a sentence."""
    max_branches: int = 6
    """Branches kept at each token."""
    max_branch_loss_nats: float = 14.0
    """A branch that is less likely than its best sibling by more than this is not kept."""
    tokens_per_branch: int = 12
    """Tokens that the model writes after a branch in one call."""
    wildcard_tokens: int = 24
    """The likeliest tokens that are tried at each step of a wildcard."""
    remaining_letter_nats: float = 0.3
    """Expected cost of each letter still to come; without it short branches would go first."""
    omitted_letter_nats: float = 0.6
    """Cost of each letter of the free text that the sentence omits: a sentence must not leave out
    heard words because the rest fits well."""
    spelling_nats: float = 0.5
    """Cost of each letter that differs from the free text: a misheard word still sounds like the
    spoken one."""

    def spelling_penalty(self, free_text: str, sentence: str, score: float) -> float:
        """The penalty of a sentence for being spelled unlike the free text, nats.

        Each omitted letter costs at least the mean of the sentence's own letters, so that half
        a sentence is never better than the whole one.

        Args:
            free_text: normalised.
            sentence: normalised.
            score: log probability of the sentence.

        """
        if free_text == sentence:
            return 0.0
        omitted = max(0, len(free_text) - len(sentence)) if self.omitted_letter_nats else 0
        per_letter = max(self.omitted_letter_nats, -score / max(1, len(sentence)))
        return omitted * per_letter + self.spelling_nats * spelling_distance(free_text, sentence)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A whole allowed sentence with its score."""

    tokens: Tokens
    """Its likeliest spelling."""
    score: float
    """Log probability of the text and its end, summed over its spellings, minus its penalty."""
    best_spelling_score: float
    """Log probability of the likeliest spelling only, minus its penalty."""
    fused_score: float | None = None
    """Score of two models together, nats; None if only one was asked."""

    @property
    def rank_score(self) -> float:
        """The score by which candidates are ordered."""
        return self.score if self.fused_score is None else self.fused_score


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word of the free text."""

    text: str
    """Normalised."""
    score: float
    """Mean log probability of its tokens, natural."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """The result of a search."""

    candidates: tuple[Candidate, ...]
    """Candidates, best first; empty if the search reached no allowed sentence."""
    free: Candidate
    """What the model writes without a grammar."""
    free_text: str
    """The free text, normalised; with two models that of the second, the better one."""
    heard: tuple[HeardWord, ...]
    """Its words."""
    calls: int
    tokens: int
    """Decoder steps, summed over the batch."""
    distance: float = float("inf")
    """Spelling distance from the free text to the nearest sentence, per letter; inf if unknown."""
    heard_by_first: tuple[HeardWord, ...] = ()
    """With two models, the words of the first one's free text; otherwise empty."""
