"""Two models' opinions of one sound, made one.

Each model scores the likeliest sentences of both. Where one of them misheard a word it is as good
as certain that the right sentence was not said, so scores are not added: the two probabilities
are averaged, which lets the other speak, and flattened before, as both are too sure (a linear
opinion pool, Stone 1961; temperature as Guo et al. 2017). The first is asked alone where it is
sure, so here it is known to be in doubt, and counts for less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from appliance.decoding.decoder import weighed
from appliance.decoding.search_types import Candidate, Decoding
from appliance.grammar.nearest_sentence import apart

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from appliance.decoding.search_types import Scorer, SearchEffort
    from appliance.grammar.token_mask import TokenWalk

MOST = 4
"""Sentences of one model that the other is asked about; three to twelve did as well."""

FLAT = 4.0
"""Temperature; from two to eight did as well."""

FIRST = 0.25
"""Weight of the first model's opinion, of 1.0; from 0.15 to 0.4 did as well, 0.5 worse."""

SPELLING = 1.5
"""What a letter costs beyond `Effort.spelling` that free speech has otherwise, nats: two models
that were wrong about a word often wrote what sounds like it. In two places of the noise 0.5 found
fewer, in four as many."""

_WEIGHTS = np.array((FIRST, 1.0 - FIRST))


@dataclass(frozen=True, slots=True)
class ModelOpinion:
    """A model that heard the sound, and the sentences that it found."""

    scorer: Scorer
    walk: TokenWalk
    effort: SearchEffort
    decoding: Decoding

    @property
    def likeliest(self) -> list[str]:
        """Its best sentences, as they are spelled."""
        plain = self.walk.vocabulary.plain
        return [plain(one.tokens) for one in self.decoding.candidates[:MOST]]

    def of(self, texts: Iterable[str]) -> tuple[Decoding, dict[str, Candidate]]:
        """The same with these sentences scored, too, and its candidates by their text."""
        found = weighed(self.scorer, self.walk, self.effort, self.decoding, texts)
        plain = self.walk.vocabulary.plain
        return found, {plain(one.tokens): one for one in found.candidates}

    def shares(self, texts: Sequence[str], known: dict[str, Candidate]) -> Sequence[float]:
        """Log probability of each of the sentences if it must be one of them, flattened."""
        heard = self.walk.vocabulary.plain(self.decoding.free.tokens)
        scores = [known[text].score - SPELLING * apart(heard, text) for text in texts]
        flat = np.array(scores) / FLAT
        shares: list[float] = (flat - np.logaddexp.reduce(flat)).tolist()
        return shares


def together(first: ModelOpinion, second: ModelOpinion) -> Decoding:
    """The sentences that both can score, placed by what both make of them.

    Tokens are those of the first model, scores the weighted mean of both.
    """
    texts = list(dict.fromkeys([*first.likeliest, *second.likeliest]))
    (ours, our), (theirs, their) = first.of(texts), second.of(texts)
    shared = [text for text in texts if text in our and text in their]
    shares = zip(first.shares(shared, our), second.shares(shared, their), strict=True)
    candidates = [
        _mean(our[text], their[text], FLAT * float(np.logaddexp(*(np.log(_WEIGHTS) + both))))
        for text, both in zip(shared, shares, strict=True)
    ]
    return Decoding(
        candidates=tuple(sorted(candidates, key=lambda one: (-one.standing, one.tokens))),
        free=_mean(ours.free, theirs.free, None),
        heard=theirs.heard,
        calls=ours.calls + theirs.calls,
        tokens=ours.tokens + theirs.tokens,
        distance=min(ours.distance, theirs.distance),
    )


def _mean(one: Candidate, other: Candidate, agreed: float | None) -> Candidate:
    score = float(np.dot(_WEIGHTS, (one.score, other.score)))
    best = float(np.dot(_WEIGHTS, (one.best, other.best)))
    return Candidate(one.tokens, score, best, agreed)
