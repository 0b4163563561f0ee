"""Candidates for the decoder: allowed sentences that are spelled like the free text.

The search from left to right fails if a few words at the beginning were misheard. This one looks
up sentences that are spelled like the free text as a whole, has the model score them in one
parallel pass, and looks again around the best of them: hill climbing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.grammar.nearest_sentence import NearSentence, nearest
from appliance.text.normalise import PUNCTUATION, normalise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appliance.decoding.search_types import Scorer, SearchEffort, Tokens
    from appliance.grammar.nearest_sentence import SearchLayers
    from appliance.grammar.token_mask import TokenWalk


class SpellingCandidates:
    """Looks up sentences by their spelling, and scores them."""

    def __init__(self, scorer: Scorer, walk: TokenWalk, effort: SearchEffort, free: Tokens) -> None:
        """`free` is the free text."""
        self._scorer = scorer
        self._walk = walk
        self._effort = effort
        self._words = {**walk.known, **spelled_words(free, walk)}
        self._scored: dict[str, tuple[float, Tokens]] = {}
        self._layers: SearchLayers = {}
        text = walk.vocabulary.folded_text(free)
        self._returned: set[Tokens] = set()
        self._looked_up: set[str] = set()
        self._free_text = normalise(text)
        self._near = self._look_up(text)
        self.calls = 0
        self.tokens = 0

    @property
    def distance(self) -> float:
        """Of the nearest sentence to the free text, per letter."""
        return self._near[0].distance if self._near else float("inf")

    def climb(self, least_score: float) -> list[Tokens]:
        """The likeliest candidates, best first; none if they all score below `least_score`."""
        best = ""
        for _ in range(self._effort.candidate_rounds):
            if not self._score_near():
                break
            before, best = best, max(self._scored, key=lambda text: self._scored[text][0])
            if self._scored[best][0] < least_score:
                return []
            if best == before:
                break
            self._near = self._look_up(best)
        return self._new_best(least_score)

    def near_texts(self, texts: Sequence[str], least_score: float) -> list[Tokens]:
        """New candidates spelled like `texts`, which the model wrote from other beginnings."""
        new = dict.fromkeys(
            one for text in texts if (one := normalise(text)) not in self._looked_up
        )
        self._looked_up.update(new)
        self._near = [near for text in new for near in self._look_up(text)[:2]]
        return self._new_best(least_score) if self._score_near() else []

    def _new_best(self, least_score: float) -> list[Tokens]:
        """The best batch, without those returned before and those below `least_score`."""
        ordered = sorted(self._scored.values(), reverse=True)[: self._effort.batch_size]
        chosen = [
            tokens
            for score, tokens in ordered
            if score >= least_score and tokens not in self._returned
        ]
        self._returned.update(chosen)
        return chosen

    def _look_up(self, text: str) -> list[NearSentence]:
        effort = self._effort
        return nearest(
            self._walk.automaton,
            text,
            limit=effort.candidates_per_round,
            beam=effort.spelling_beam,
            layers=self._layers,
        )

    def _score_near(self) -> bool:
        """Score the near sentences that have no score yet; False if there are none."""
        spelled: Mapping[str, Tokens] = {
            one.text: tokens
            for one in self._near
            if one.text not in self._scored
            and (tokens := self._walk.vocabulary.tokens_of(one.text, self._words))
            and len(tokens) < self._effort.max_tokens
        }
        if not spelled:
            return False
        self.calls += 1
        self.tokens += sum(map(len, spelled.values()))
        scores = self._scorer.likelihoods(list(spelled.values()))
        for (text, tokens), score in zip(spelled.items(), scores, strict=True):
            penalty = self._effort.spelling_penalty(self._free_text, text, score)
            self._scored[text] = score - penalty, tokens
        return True


def spelled_words(tokens: Tokens, walk: TokenWalk) -> dict[str, Tokens]:
    """The words of a text, each with the tokens that the model itself wrote for it."""
    texts = walk.vocabulary.texts
    found: dict[str, Tokens] = {}
    word_tokens: list[int] = []
    for token in (*tokens, None):
        text = "" if token is None else texts[token] or ""
        if word_tokens and (token is None or text.startswith(" ")):
            word = "".join(texts[one] or "" for one in word_tokens).strip()
            found.setdefault(word, tuple(word_tokens))
            word_tokens = []
        if token is not None and (texts[token] == "" or not set(text) <= PUNCTUATION):
            word_tokens.append(token)
    return found
