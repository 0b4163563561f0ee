"""The search for the allowed sentence that the model finds likeliest.

A* over token prefixes (Hart, Nilsson and Raphael, 1968). The log probability of a prefix bounds
that of every sentence that begins with it, so once a whole sentence scores better than every
open prefix it is the best there is. The model is asked for whole stretches at once: a branch is
given as a forced prefix and the model goes on greedily from there; where it stays inside the
grammar those tokens are free of charge, and only where it leaves are there new branches.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from appliance.decoding.search_types import (
    Candidate,
    Continuation,
    Decoding,
    Row,
    Scorer,
    SearchEffort,
    Tokens,
)
from appliance.decoding.spelling_candidates import Proposals, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from appliance.grammar.token_mask import Choices, TokenWalk


_LOOP = 3
"""Tokens at least: a sentence of two, and the first of them again."""


@dataclass(order=True, slots=True)
class _Branch:
    cost: float
    tokens: Tokens
    state: int = field(compare=False)
    score: float = field(compare=False)


def decode(scorer: Scorer, walk: TokenWalk, effort: SearchEffort | None = None) -> Decoding:
    """Find the likeliest sentences of the grammar; the same input gives the same result."""
    return _BeamSearch(scorer, walk, effort or SearchEffort()).run()


def weighed(
    scorer: Scorer, walk: TokenWalk, effort: SearchEffort, found: Decoding, texts: Iterable[str]
) -> Decoding:
    """What was found, with other plain sentences scored, too; those without tokens left out."""
    return _BeamSearch(scorer, walk, effort).weighed(found, texts)


class _BeamSearch:
    def __init__(self, scorer: Scorer, walk: TokenWalk, effort: SearchEffort) -> None:
        self._scorer = scorer
        self._walk = walk
        self._effort = effort
        self._open: list[_Branch] = []
        self._best: dict[str, Candidate] = {}
        self._seen: dict[str, float] = {}
        self._calls = 0
        self._steps = 0
        self._heard = ""
        self._length = 0
        self._least = -np.inf
        self._distance = np.inf

    def run(self) -> Decoding:
        first = self._ask([()], self._effort.longest)[0]
        free = self._free(first)
        self._heard = self._walk.vocabulary.plain(free.tokens)
        self._length = len(self._heard)
        self._least = free.score - self._effort.hopeless * (len(free.tokens) + 1)
        self._follow(first, self._root())
        if self._undecided():
            self._look(free)
        return self._decoding(free)

    def weighed(self, found: Decoding, texts: Iterable[str]) -> Decoding:
        vocabulary = self._walk.vocabulary
        self._heard = vocabulary.plain(found.free.tokens)
        self._best = {vocabulary.plain(one.tokens): one for one in found.candidates}
        self._calls, self._steps = found.calls, found.tokens
        self._distance = found.distance
        words = {**self._walk.known, **words_of(found.free.tokens, self._walk)}
        new = [vocabulary.spelled(text, words) for text in texts if text not in self._best]
        fit = [tokens for tokens in new if tokens and len(tokens) < self._effort.longest]
        for begin in range(0, len(fit), self._effort.batch):
            for one in self._ask(fit[begin : begin + self._effort.batch], 1):
                self._follow(one, self._root())
        return self._decoding(found.free)

    def _decoding(self, free: Candidate) -> Decoding:
        return Decoding(
            candidates=tuple(sorted(self._best.values(), key=lambda c: (-c.score, c.tokens))),
            free=free,
            heard=self._heard,
            calls=self._calls,
            tokens=self._steps,
            distance=self._distance,
        )

    def _root(self) -> _Branch:
        return _Branch(0.0, (), self._walk.automaton.start, 0.0)

    def _look(self, free: Candidate) -> None:
        """Search onward from the branches, and from sentences that are spelled alike."""
        effort = self._effort
        if self._leader() >= free.score - effort.same * (len(free.tokens) + 1):
            self._search(effort.glance)  # free speech is a sentence: is there a doubt of it?
            return
        proposals = Proposals(self._scorer, self._walk, effort, free.tokens)
        self._distance = proposals.distance
        if proposals.distance > effort.far:
            return
        if proposals.distance <= effort.close:
            self._search(effort.straight)
        fair = free.score - effort.good * (len(free.tokens) + 1)
        if not self._undecided() and self._leader() >= fair:
            return
        if self._weigh(proposals.best(self._least), proposals):
            self._search(effort.calls, proposals)

    def _weigh(self, proposed: list[Tokens], proposals: Proposals) -> bool:
        """Score proposals exactly, and branch from them; False if there are none."""
        self._calls += proposals.calls
        self._steps += proposals.tokens
        proposals.calls = proposals.tokens = 0
        if proposed:
            for one in self._ask(proposed, 1):
                self._follow(one, self._root())
        return bool(proposed)

    def _search(self, calls: int, proposals: Proposals | None = None) -> None:
        while self._calls < calls and (branches := self._next()):
            found = self._ask([branch.tokens for branch in branches], self._effort.ahead)
            for branch, continuation in zip(branches, found, strict=True):
                self._follow(continuation, branch)
            if proposals is not None:
                texts = [self._text(one.tokens) for one in found]
                least = max(self._leader() - self._effort.clear, self._least)
                self._weigh(proposals.beside(texts, least), proposals)

    def _leader(self) -> float:
        return max((c.score for c in self._best.values()), default=-np.inf)

    def _least_useful(self) -> float:
        return max(self._leader() - self._effort.clear, self._least)

    def _undecided(self) -> bool:
        return bool(self._open) and -self._open[0].cost >= self._least_useful()

    def _ask(self, prefixes: list[Tokens], further: int) -> Sequence[Continuation]:
        self._calls += 1
        found = self._scorer.continuations(prefixes, further)
        self._steps += sum(len(one.logits) for one in found)
        return found

    def _next(self) -> list[_Branch]:
        """The branches to ask about, fewer than a batch if the others are hopeless."""
        chosen: list[_Branch] = []
        least = self._least_useful()
        while self._open and len(chosen) < self._effort.batch:
            if -self._open[0].cost < least:
                break
            chosen.append(heapq.heappop(self._open))
        return chosen

    def _free(self, path: Continuation) -> Candidate:
        """The free text and its score; said once where the model said it again and again."""
        tokens = said_once(path.tokens)
        score = sum(
            float(row[token]) - log_sum(row)
            for token, row in zip(tokens, path.logits, strict=False)
        )
        if len(tokens) < len(path.logits):
            row = path.logits[len(tokens)]
            score += self._end(row, tokens) - log_sum(row)
        return Candidate(tokens, score, score)

    def _end(self, row: Row, tokens: Tokens) -> float:
        """Logit of the text being over; a model that begins it again says so, too."""
        end = float(row[self._walk.vocabulary.end])
        return float(np.logaddexp(end, row[tokens[0]])) if len(tokens) > 1 else end

    def _follow(self, path: Continuation, branch: _Branch) -> None:
        """Walk on from the branch as far as the grammar allows, leaving branches behind."""
        state, score = branch.state, branch.score
        for index in range(len(branch.tokens), len(path.logits)):
            row = path.logits[index]
            total = log_sum(row)
            tokens = path.tokens[:index]
            if self._walk.automaton.accepts(state):
                self._complete(tokens, score + self._end(row, tokens) - total)
            if index >= self._effort.longest:
                return
            token = path.tokens[index] if index < len(path.tokens) else None
            if token is not None and self._begins_again((*tokens, token)):
                token = None
            onward = self._branch(state, score, tokens, row - total, token)
            if onward is None or token is None:
                return
            state, score = self._walk.step(state, token), onward

    def _branch(
        self, state: int, score: float, tokens: Tokens, row: Row, taken: int | None
    ) -> float | None:
        """Keep the likely ways on; returns the score of the way that is `taken`, None for none."""
        choices = self._choices(state, row)
        if not len(choices.ids):
            return None
        logs = row[choices.ids]
        groups = np.logaddexp.reduceat(logs, choices.first)
        ends = [*choices.first.tolist()[1:], len(logs)]
        way = None if taken is None else choices.group_of(taken)
        onward: float | None = None
        kept = 0
        worst = float(groups.max()) - self._effort.depth
        for group in np.argsort(-groups, kind="stable").tolist():
            reached = score + float(groups[group])
            if group == way:
                onward = reached
                continue
            if kept >= self._effort.width or groups[group] < worst:
                continue
            kept += 1
            begin = int(choices.first[group])
            token = int(choices.ids[begin + int(np.argmax(logs[begin : ends[group]]))])
            if not self._begins_again((*tokens, token)):
                self._push((*tokens, token), choices.targets[group], reached)
        return onward

    def _begins_again(self, tokens: Tokens) -> bool:
        """Whether a whole sentence is followed by what it begins with.

        Whisper has not heard the end then, and nobody said it twice.
        """
        texts = self._walk.vocabulary.texts
        if len(tokens) < _LOOP or texts[tokens[-1]] != texts[tokens[0]]:
            return False
        return self._walk.vocabulary.plain(tokens[:-1]) in self._best

    def _choices(self, state: int, row: Row) -> Choices:
        if not self._walk.automaton.is_open(state):
            return self._walk.choices(state)
        count = min(self._effort.likely, len(row) - 1)
        likely = np.argpartition(-row, count)[:count]
        return self._walk.open_choices(state, np.sort(likely).astype(np.int32))

    def _push(self, tokens: Tokens, state: int, score: float) -> None:
        text = self._text(tokens)
        if score > self._seen.get(text, -np.inf):
            self._seen[text] = score
            rest = max(0, self._length - len(text))
            cost = self._effort.toll * rest - score
            heapq.heappush(self._open, _Branch(cost, tokens, state, score))

    def _complete(self, tokens: Tokens, score: float) -> None:
        text = self._walk.vocabulary.plain(tokens)
        score -= self._effort.against(self._heard, text, score)
        known = self._best.get(text)
        together = score if known is None else float(np.logaddexp(score, known.score))
        best = tokens if known is None or score > known.best else known.tokens
        self._best[text] = Candidate(best, together, max(score, known.best if known else score))

    def _text(self, tokens: Tokens) -> str:
        return self._walk.vocabulary.written(tokens).lstrip()


def log_sum(row: Row) -> float:
    """Logarithm of the summed exponentials."""
    top = row.max()
    return float(top + np.log(np.exp(row - top).sum()))


def said_once(tokens: Tokens) -> Tokens:
    """The tokens up to where they begin again, if they repeat themselves from the start."""
    for period in range(3, len(tokens) // 2 + 1):
        if tokens[period:] == tokens[:-period]:
            return tokens[:period]
    return tokens
