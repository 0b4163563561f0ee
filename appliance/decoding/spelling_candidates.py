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
    from collections.abc import Sequence

    from appliance.decoding.search_types import LogRows, Scorer, SearchEffort, Tokens
    from appliance.grammar.nearest_sentence import SearchLayers
    from appliance.grammar.token_mask import TokenWalk


class SpellingCandidates:
    """Looks up sentences by their spelling, and scores them.

    The logits of the free text bound the score of every sentence that begins with the same tokens:
    they include the probability of the first token that differs. A sentence whose bound is too
    far below the best one is not scored.
    """

    def __init__(
        self, scorer: Scorer, walk: TokenWalk, effort: SearchEffort, free: Tokens, logs: LogRows
    ) -> None:
        """`free` is the free text; `logs` are the log probabilities at each of its positions."""
        self._scorer = scorer
        self._walk = walk
        self._effort = effort
        self._free, self._logs = free, logs
        self._words = spelled_words(free, walk)
        self._scored: dict[str, tuple[float, Tokens]] = {}
        self._layers: tuple[SearchLayers, SearchLayers] = {}, {}
        """Search layers without and with wildcards."""
        text = walk.vocabulary.folded_text(free)
        self._returned: set[Tokens] = set()
        self._looked_up: set[str] = set()
        self._free_text = normalise(text)
        self._near = self._look_up(text)
        self.calls = 0
        self.tokens = 0

    @property
    def distance(self) -> float:
        """Spelling distance from the free text to the nearest sentence, per letter."""
        return self._near[0].distance if self._near else float("inf")

    def climb(self, least_score: float, best_score: float) -> list[Tokens]:
        """The likeliest candidates, best first; none if they all score below `least_score`.

        `best_score` is that of the best sentence that is known already.
        """
        best = ""
        for _ in range(self._effort.candidate_rounds):
            if not self._score_near(best_score):
                break
            before, best = best, max(self._scored, key=lambda text: self._scored[text][0])
            if self._scored[best][0] < least_score:
                return []
            if best == before:
                break
            self._near = self._look_up(best)
        return self._new_best(least_score)

    def near_texts(
        self, texts: Sequence[str], least_score: float, best_score: float
    ) -> list[Tokens]:
        """New candidates spelled like `texts`, which the model wrote from other beginnings."""
        new = dict.fromkeys(
            one for text in texts if (one := normalise(text)) not in self._looked_up
        )
        self._looked_up.update(new)
        self._near = [near for text in new for near in self._look_up(text)[:2]]
        return self._new_best(least_score) if self._score_near(best_score) else []

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
        """Sentences spelled alike; those with a wildcard only if no declared words are near."""
        declared = self._nearest(text, wildcards=False)
        if declared and declared[0].distance <= self._effort.declared_distance:
            return declared
        found = {one.text: one for one in (*self._nearest(text, wildcards=True), *declared)}
        near = sorted(found.values(), key=lambda one: one.distance)
        return near[: self._effort.candidates_per_round]

    def _nearest(self, text: str, *, wildcards: bool) -> list[NearSentence]:
        effort = self._effort
        return nearest(
            self._walk.automaton if wildcards else self._walk.declared,
            text,
            limit=effort.candidates_per_round,
            beam=effort.spelling_beam,
            layers=self._layers[wildcards],
        )

    def _score_near(self, best_score: float) -> bool:
        """Score the near sentences that have no score yet; False if there are none.

        The likeliest by their bounds first, a few at a time, until no other can come near the best.
        """
        waiting = sorted(self._unscored(), reverse=True)
        best = max([best_score, *(score for score, _ in self._scored.values())])
        scored = False
        while waiting:
            batch = waiting[: self._effort.texts_per_pass]
            waiting = waiting[self._effort.texts_per_pass :]
            best = max([best, *self._score([(text, tokens) for _, text, tokens in batch])])
            scored = True
            least = best - self._effort.bound_lead_nats
            waiting = [one for one in waiting if one[0] >= least]
        return scored

    def _unscored(self) -> list[tuple[float, str, Tokens]]:
        """The near sentences that have no score yet, each after the bound of its score."""
        found: list[tuple[float, str, Tokens]] = []
        for near in self._near:
            if near.text in self._scored:
                continue
            tokens = self._walk.tokens_of(near.text, self._words)
            if tokens and len(tokens) < self._effort.max_tokens:
                bound = self._bound(tokens)
                penalty = self._effort.spelling_penalty(self._free_text, near.text, bound)
                found.append((bound - penalty, near.text, tokens))
        return found

    def _bound(self, tokens: Tokens) -> float:
        """The highest log probability that a text with these tokens can have."""
        total = 0.0
        for index, token in enumerate(tokens[: len(self._logs)]):
            total += float(self._logs[index, token])
            if index >= len(self._free) or token != self._free[index]:
                break
        return total

    def _score(self, spelled: Sequence[tuple[str, Tokens]]) -> list[float]:
        self.calls += 1
        self.tokens += sum(len(tokens) for _, tokens in spelled)
        found: list[float] = []
        likelihoods = self._scorer.likelihoods([tokens for _, tokens in spelled])
        for (text, tokens), score in zip(spelled, likelihoods, strict=True):
            found.append(score - self._effort.spelling_penalty(self._free_text, text, score))
            self._scored[text] = found[-1], tokens
        return found


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
