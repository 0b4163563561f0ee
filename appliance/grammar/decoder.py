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
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.grammar.automaton import DEAD
from appliance.grammar.text import STOPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.grammar.vocabulary import Choices, TokenWalk

_NO_STOPS = str.maketrans("", "", "".join(STOPS))

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


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to search; the numbers were measured, see docs/accuracy.md."""

    batch: int = 2
    """Branches in one call of the model."""
    calls: int = 16
    """Calls, the free one counted in."""
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
    omission: float = 0.15
    """What a character costs that free speech has and the sentence lacks, nats: words that were
    heard should not be left out because the rest fits well."""
    hopeless: float = 2.0
    """The search ends when no sentence can come as near to free speech as this, nats per token."""
    ahead: int = 20
    """Tokens that the model writes behind a branch."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A whole allowed sentence, scored."""

    tokens: Tokens
    score: float
    """Log probability of the text and of its end, natural, over its spellings, less what it
    leaves out."""
    best: float
    """The same of the likeliest spelling, which `tokens` are."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """What the search found."""

    candidates: tuple[Candidate, ...]
    """Best first; empty if no allowed sentence was reached."""
    free: Candidate
    """What the model would have written without a grammar."""
    open_bound: float
    """No sentence that was not tried scores better than this; -inf if all were."""
    calls: int
    tokens: int
    """Decoder steps, summed over the batch."""


@dataclass(order=True, slots=True)
class _Branch:
    cost: float
    tokens: Tokens
    state: int = field(compare=False)
    score: float = field(compare=False)


def decode(scorer: Scorer, walk: TokenWalk, effort: Effort | None = None) -> Decoding:
    """Find the likeliest sentences of the grammar; the same input gives the same result."""
    return _Search(scorer, walk, effort or Effort()).run()


class _Search:
    def __init__(self, scorer: Scorer, walk: TokenWalk, effort: Effort) -> None:
        self._scorer = scorer
        self._walk = walk
        self._effort = effort
        self._open: list[_Branch] = []
        self._best: dict[str, Candidate] = {}
        self._seen: dict[str, float] = {}
        self._calls = 0
        self._steps = 0
        self._length = 0
        self._least = -np.inf

    def run(self) -> Decoding:
        first = self._ask([()], self._effort.longest)[0]
        free = self._free(first)
        self._length = len(self._text(free.tokens))
        self._least = free.score - self._effort.hopeless * (len(free.tokens) + 1)
        self._follow(first, _Branch(0.0, (), self._walk.automaton.start, 0.0))
        while self._calls < self._effort.calls and (branches := self._next()):
            found = self._ask([branch.tokens for branch in branches], self._effort.ahead)
            for branch, continuation in zip(branches, found, strict=True):
                self._follow(continuation, branch)
        return Decoding(
            candidates=tuple(sorted(self._best.values(), key=lambda c: (-c.score, c.tokens))),
            free=free,
            open_bound=-self._open[0].cost if self._open else -np.inf,
            calls=self._calls,
            tokens=self._steps,
        )

    def _ask(self, prefixes: list[Tokens], further: int) -> Sequence[Continuation]:
        self._calls += 1
        found = self._scorer.continuations(prefixes, further)
        self._steps += sum(len(one.logits) for one in found)
        return found

    def _next(self) -> list[_Branch]:
        """The branches to ask about, fewer than a batch if the others are hopeless."""
        chosen: list[_Branch] = []
        leader = max((c.score for c in self._best.values()), default=-np.inf)
        least = max(leader - self._effort.clear, self._least)
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
        if len(tokens) == len(path.tokens) < len(path.logits):
            row = path.logits[len(tokens)]
            score += float(row[self._walk.vocabulary.end]) - log_sum(row)
        return Candidate(tokens, score, score)

    def _follow(self, path: Continuation, branch: _Branch) -> None:
        """Walk on from the branch as far as the grammar allows, leaving branches behind."""
        state, score = branch.state, branch.score
        for index in range(len(branch.tokens), len(path.logits)):
            row = path.logits[index]
            total = log_sum(row)
            tokens = path.tokens[:index]
            if self._walk.automaton.accepts(state):
                ending = float(row[self._walk.vocabulary.end]) - total
                self._complete(tokens, score + ending)
            if index >= self._effort.longest:
                return
            token = path.tokens[index] if index < len(path.tokens) else None
            target = DEAD if token is None else self._walk.step(state, token)
            onward = self._branch(state, score, tokens, row - total, target)
            if onward is None:
                return
            state, score = target, onward

    def _branch(
        self, state: int, score: float, tokens: Tokens, row: Row, target: int
    ) -> float | None:
        """Keep the likely ways on; returns the score of the way to `target`, None for none."""
        choices = self._choices(state, row)
        if not len(choices.ids):
            return None
        logs = row[choices.ids]
        groups = np.logaddexp.reduceat(logs, choices.first)
        ends = [*choices.first.tolist()[1:], len(logs)]
        onward: float | None = None
        kept = 0
        worst = float(groups.max()) - self._effort.depth
        for group in np.argsort(-groups, kind="stable").tolist():
            reached = score + float(groups[group])
            if choices.targets[group] == target:
                onward = reached
                continue
            if kept >= self._effort.width or groups[group] < worst:
                continue
            kept += 1
            begin = int(choices.first[group])
            token = int(choices.ids[begin + int(np.argmax(logs[begin : ends[group]]))])
            self._push((*tokens, token), choices.targets[group], reached)
        return onward

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
        text = self._text(tokens).translate(_NO_STOPS).strip()
        score -= self._effort.omission * max(0, self._length - len(text))
        known = self._best.get(text)
        together = score if known is None else float(np.logaddexp(score, known.score))
        best = tokens if known is None or score > known.best else known.tokens
        self._best[text] = Candidate(best, together, max(score, known.best if known else score))

    def _text(self, tokens: Tokens) -> str:
        return "".join(self._walk.vocabulary.texts[token] or "" for token in tokens).lstrip()


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
