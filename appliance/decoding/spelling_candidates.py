"""Sentences proposed by their spelling: a second road to the one that was said.

The search from left to right loses its way where a few words were heard wrongly at the beginning.
A sentence that is spelled like free speech as a whole, and those around it, are scored in one
parallel pass instead: hill climbing, with the model as the judge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.grammar.nearest_sentence import Near, nearest
from appliance.text.normalise import PUNCTUATION, normalise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appliance.decoding.search_types import Scorer, SearchEffort, Tokens
    from appliance.grammar.nearest_sentence import Beginnings
    from appliance.grammar.token_mask import TokenWalk


class Proposals:
    """What may have been said, judged from how free speech is spelled."""

    def __init__(self, scorer: Scorer, walk: TokenWalk, effort: SearchEffort, free: Tokens) -> None:
        self._scorer = scorer
        self._walk = walk
        self._effort = effort
        self._words = {**walk.known, **words_of(free, walk)}
        self._known: dict[str, tuple[float, Tokens]] = {}
        self._beginnings: Beginnings = {}
        text = walk.vocabulary.written(free)
        self._given: set[Tokens] = set()
        self._looked: set[str] = set()  # beside these there is nothing new
        self._heard = normalise(text)
        self._near = self._around(text)
        self.calls = 0
        self.tokens = 0

    @property
    def distance(self) -> float:
        """Of the nearest sentence to free speech, per letter."""
        return self._near[0].distance if self._near else float("inf")

    def best(self, least: float) -> list[Tokens]:
        """The likeliest proposals, best first; none if they all score below `least`."""
        best = ""
        for _ in range(self._effort.rounds):
            if not self._judge():
                break
            before, best = best, max(self._known, key=lambda text: self._known[text][0])
            if self._known[best][0] < least:
                return []
            if best == before:
                break
            self._near = self._around(best)
        return self._chosen(least)

    def beside(self, texts: Sequence[str], least: float) -> list[Tokens]:
        """Proposals near texts that the model went on to write from other beginnings."""
        new = dict.fromkeys(said for text in texts if (said := normalise(text)) not in self._looked)
        self._looked.update(new)
        self._near = [near for text in new for near in self._around(text)[:2]]
        return self._chosen(least) if self._judge() else []

    def _chosen(self, least: float) -> list[Tokens]:
        """The best that were not chosen before and score better than `least`."""
        ordered = sorted(self._known.values(), reverse=True)[: self._effort.batch]
        chosen = [
            tokens for score, tokens in ordered if score >= least and tokens not in self._given
        ]
        self._given.update(chosen)
        return chosen

    def _around(self, text: str) -> list[Near]:
        effort = self._effort
        automaton, known = self._walk.automaton, self._beginnings
        return nearest(automaton, text, most=effort.near, beam=effort.beam, known=known)

    def _judge(self) -> bool:
        """Score those near that are not known yet; False if there are none."""
        spelled: Mapping[str, Tokens] = {
            one.text: tokens
            for one in self._near
            if one.text not in self._known
            and (tokens := self._walk.vocabulary.spelled(one.text, self._words))
            and len(tokens) < self._effort.longest
        }
        if not spelled:
            return False
        self.calls += 1
        self.tokens += sum(map(len, spelled.values()))
        scores = self._scorer.likelihoods(list(spelled.values()))
        for (text, tokens), score in zip(spelled.items(), scores, strict=True):
            against = self._effort.against(self._heard, text, score)
            self._known[text] = score - against, tokens
        return True


def words_of(tokens: Tokens, walk: TokenWalk) -> dict[str, Tokens]:
    """The words of a text, each as the model itself spelled it."""
    texts = walk.vocabulary.texts
    found: dict[str, Tokens] = {}
    run: list[int] = []
    for token in (*tokens, None):
        text = "" if token is None else texts[token] or ""
        if run and (token is None or text.startswith(" ")):
            word = "".join(texts[one] or "" for one in run).strip()
            found.setdefault(word, tuple(run))
            run = []
        if token is not None and (texts[token] == "" or not set(text) <= PUNCTUATION):
            run.append(token)
    return found
