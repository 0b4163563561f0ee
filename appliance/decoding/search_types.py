"""What a search for a sentence is given, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.grammar.nearest_sentence import apart

if TYPE_CHECKING:
    from collections.abc import Sequence

Tokens = tuple[int, ...]
Row = NDArray[np.float32]
"""Logits over the vocabulary, shape (tokens,)."""


class Continuation(Protocol):
    """A prefix and what the model wrote behind it."""

    @property
    def tokens(self) -> Tokens:
        """The prefix, then the likeliest token each time; the end token left out."""

    @property
    def logits(self) -> NDArray[np.float32]:
        """What the model expected at each position, shape (n, vocabulary).

        Row i is about token i; a row behind the last token tells whether the text ends there.
        """


class Scorer(Protocol):
    """A model that has heard something and can be asked about texts."""

    def continuations(self, prefixes: Sequence[Tokens], further: int) -> Sequence[Continuation]:
        """Read each prefix, then write on greedily, at most `further` tokens."""

    def likelihoods(self, texts: Sequence[Tokens]) -> Sequence[float]:
        """Log probability of each text, without its end; quicker than to write it."""


@dataclass(frozen=True, slots=True)
class SearchEffort:
    """How hard to search; the numbers were measured, see docs/measurements/accuracy.md."""

    batch: int = 2
    """Branches in one call of the model."""
    calls: int = 10
    """Calls, the free one counted in."""
    straight: int = 3
    """Calls before sentences are proposed by their spelling."""
    near: int = 24
    """Sentences proposed at once."""
    rounds: int = 3
    """Times that the best of them is the place to look around at."""
    beam: int = 96
    """Places kept at each letter on the way to them."""
    far: float = 0.35
    """Where no sentence is spelled nearer than this to free speech, none was said."""
    close: float = 0.15
    """Where the nearest is not nearer than this, proposals come before anything else."""
    same: float = 0.1
    """A sentence that free speech beats by less per token is what free speech says, nats."""
    glance: int = 2
    """Calls that are then enough to see whether another is as likely."""
    good: float = 0.4
    """A sentence that free speech beats by less per token needs no others proposed, nats."""
    longest: int = 64
    """Tokens in a sentence."""
    clear: float = 2.0
    """The search ends when the best sentence leads every open prefix by this many nats."""
    width: int = 6
    """Branches kept where a path goes on in several ways."""
    depth: float = 14.0
    """A branch so much less likely than the best of its siblings is never followed, nats."""
    likely: int = 24
    """Tokens tried at each step of a wildcard."""
    toll: float = 0.3
    """What a character still to come is expected to cost, nats; steers the search onward."""
    omission: float = 0.6
    """What a character costs that free speech has and the sentence lacks, nats: words that were
    heard should not be left out because the rest fits well."""
    spelling: float = 0.5
    """What a letter costs that free speech has otherwise, nats: a word that was heard wrongly
    still sounds like what was said."""
    hopeless: float = 3.0
    """The search ends when no sentence can come as near to free speech as this, nats per token."""
    ahead: int = 20
    """Tokens that the model writes behind a branch."""

    def against(self, heard: str, said: str, score: float) -> float:
        """What a sentence pays for not being spelled like what was heard, nats.

        Letters that were heard and that it leaves out cost no less than those that it says, so
        that half a sentence is no better than the whole one.

        Args:
            heard: plain text of free speech.
            said: plain text of the sentence.
            score: log probability of the sentence.

        """
        if heard == said:
            return 0.0
        missing = max(0, len(heard) - len(said)) if self.omission else 0
        left_out = missing * max(self.omission, -score / max(1, len(said)))
        return left_out + self.spelling * apart(heard, said)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A whole allowed sentence, scored."""

    tokens: Tokens
    score: float
    """Log probability of the text and of its end, natural, over its spellings, less what it
    leaves out."""
    best: float
    """The same of the likeliest spelling, which `tokens` are."""
    agreed: float | None = None
    """What two models that were asked make of it, nats; None where one was."""

    @property
    def standing(self) -> float:
        """What it is placed by among the others."""
        return self.score if self.agreed is None else self.agreed


@dataclass(frozen=True, slots=True)
class Decoding:
    """What the search found."""

    candidates: tuple[Candidate, ...]
    """Best first; empty if no allowed sentence was reached."""
    free: Candidate
    """What the model would have written without a grammar."""
    heard: str
    """The same as plain text; of two models the second's, who was asked for being surer."""
    calls: int
    tokens: int
    """Decoder steps, summed over the batch."""
    distance: float = float("inf")
    """Of free speech to the sentence that is spelled most like it, per letter; inf where the
    search did not look for that."""
