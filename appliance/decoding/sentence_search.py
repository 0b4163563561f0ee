"""The search for the allowed sentence that the model finds likeliest: constrained decoding.

A* over token prefixes (Hart, Nilsson and Raphael 1968). The log probability of a prefix bounds
that of every sentence that begins with it, so the first whole sentence that scores better than
every open prefix is the best one. A call of the model is expensive, but reads a forced prefix and
continues it at once. So each branch is a prefix that the model continues greedily: as long as it
stays inside the grammar, its tokens need no further call. New branches begin where it leaves.
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
    HeardWord,
    LogRows,
    Row,
    Scorer,
    SearchEffort,
    Tokens,
)
from appliance.decoding.spelling_candidates import SpellingCandidates, spelled_words
from appliance.text.normalise import normalise

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from appliance.grammar.token_mask import Choices, Ids, TokenWalk


_NEAR_NATS = 10.0
"""Tokens that are less likely than the best one by no more than this are ordered first."""

_SHORTEST_REPETITION = 3
"""Minimum number of tokens of a repetition: a sentence of two, and its first token again."""


@dataclass(order=True, slots=True)
class _Branch:
    cost: float
    tokens: Tokens
    state: int = field(compare=False)
    score: float = field(compare=False)


def decode(scorer: Scorer, walk: TokenWalk, effort: SearchEffort | None = None) -> Decoding:
    """Find the likeliest sentences of the grammar; the same input gives the same result."""
    return _BestFirstSearch(scorer, walk, effort or SearchEffort()).run()


def score_texts(
    scorer: Scorer, walk: TokenWalk, effort: SearchEffort, found: Decoding, texts: Iterable[str]
) -> Decoding:
    """`found` with more sentences scored, which are given normalised.

    They are allowed, or made up of allowed ones ("turn off the light and lock the door"). A
    sentence that the model has no tokens for is left out.
    """
    return _BestFirstSearch(scorer, walk, effort).score_texts(found, texts)


class _BestFirstSearch:
    def __init__(self, scorer: Scorer, walk: TokenWalk, effort: SearchEffort) -> None:
        self._scorer = scorer
        self._walk = walk
        self._effort = effort
        self._open: list[_Branch] = []
        self._candidates: dict[str, Candidate] = {}
        self._best_score_of: dict[str, float] = {}
        """Score of the likeliest spelling, by the beginning of a sentence."""
        self._calls = 0
        self._likelihood_calls = 0
        self._decoder_steps = 0
        self._free_text = ""
        self._heard: tuple[HeardWord, ...] = ()
        self._hopeless_score = -np.inf
        self._distance = np.inf

    def run(self) -> Decoding:
        first = self._continue([()], self._effort.max_tokens)[0]
        free = self._free_candidate(first)
        self._free_text = self._walk.vocabulary.normalised_text(free.tokens)
        self._hopeless_score = self._below(free, self._effort.hopeless_nats_per_token)
        self._heard = _heard_words(self._walk, free.tokens, first.logits)
        self._follow(first, self._root())
        if self._undecided() or not self._candidates:
            self._search_beyond(free, first.logits)
        return self._decoding(free)

    def score_texts(self, found: Decoding, texts: Iterable[str]) -> Decoding:
        vocabulary = self._walk.vocabulary
        self._free_text, self._heard = found.free_text, found.heard
        self._candidates = {vocabulary.normalised_text(one.tokens): one for one in found.candidates}
        self._calls, self._decoder_steps = found.calls, found.tokens
        self._distance = found.distance
        heard = spelled_words(found.free.tokens, self._walk)
        spelled = (
            self._walk.tokens_of(text, heard) for text in texts if text not in self._candidates
        )
        new = [tokens for tokens in spelled if tokens and len(tokens) < self._effort.max_tokens]
        for begin in range(0, len(new), self._effort.batch_size):
            batch = new[begin : begin + self._effort.batch_size]
            for tokens, one in zip(batch, self._continue(batch, 1), strict=True):
                self._follow(one, self._root())
                if vocabulary.normalised_text(tokens) not in self._candidates:
                    self._add_whole(tokens, one.logits)
        return self._decoding(found.free)

    def _add_whole(self, tokens: Tokens, logits: LogRows) -> None:
        """Score a text that is no single sentence, in this spelling only."""
        score = sum(
            float(row[token]) - log_sum(row) for token, row in zip(tokens, logits, strict=False)
        )
        if len(tokens) < len(logits):
            row = logits[len(tokens)]
            self._add_candidate(tokens, score + self._end_logit(row, tokens) - log_sum(row))

    def _decoding(self, free: Candidate) -> Decoding:
        return Decoding(
            candidates=tuple(sorted(self._candidates.values(), key=lambda c: (-c.score, c.tokens))),
            free=free,
            free_text=self._free_text,
            heard=self._heard,
            calls=self._calls + self._likelihood_calls,
            tokens=self._decoder_steps,
            distance=self._distance,
        )

    def _root(self) -> _Branch:
        return _Branch(0.0, (), self._walk.automaton.start, 0.0)

    @staticmethod
    def _below(free: Candidate, nats_per_token: float) -> float:
        """The score that is this much below that of the free text, its end included."""
        return free.score - nats_per_token * (len(free.tokens) + 1)

    def _search_beyond(self, free: Candidate, logits: LogRows) -> None:
        """Search on from the open branches, and from sentences that are spelled alike."""
        effort = self._effort
        if self._best_score() >= self._below(free, effort.verbatim_nats_per_token):
            self._search(effort.verbatim_calls)  # to check whether another is as likely
            return
        logs = logits - np.array([[log_sum(row)] for row in logits], np.float32)
        lookup = SpellingCandidates(self._scorer, self._walk, effort, free.tokens, logs)
        self._distance = lookup.distance
        if lookup.distance > effort.max_distance:
            return
        if lookup.distance <= effort.first_pass_distance:
            self._search(effort.first_pass_calls)
        good_fit = self._below(free, effort.good_fit_nats_per_token)
        if not self._undecided() and self._best_score() >= good_fit:
            return
        if self._score_exactly(lookup.climb(self._hopeless_score, self._best_score()), lookup):
            self._search(effort.max_calls, lookup)

    def _score_exactly(self, candidates: list[Tokens], lookup: SpellingCandidates) -> bool:
        """Score candidates with their ends, and branch from them; False if there are none."""
        self._likelihood_calls += lookup.calls
        self._decoder_steps += lookup.tokens
        lookup.calls = lookup.tokens = 0
        if candidates:
            for one in self._continue(candidates, 1):
                self._follow(one, self._root())
        return bool(candidates)

    def _search(self, max_calls: int, lookup: SpellingCandidates | None = None) -> None:
        while self._calls < max_calls and (branches := self._next_branches()):
            found = self._continue([one.tokens for one in branches], self._effort.tokens_per_branch)
            for branch, continuation in zip(branches, found, strict=True):
                self._follow(continuation, branch)
            if lookup is not None:
                texts = [self._text(one.tokens) for one in found]
                self._score_exactly(
                    lookup.near_texts(texts, self._least_useful(), self._best_score()), lookup
                )

    def _best_score(self) -> float:
        return max((c.score for c in self._candidates.values()), default=-np.inf)

    def _least_useful(self) -> float:
        """The score below which a branch cannot change the result."""
        return max(self._best_score() - self._effort.clear_lead_nats, self._hopeless_score)

    def _undecided(self) -> bool:
        return bool(self._open) and -self._open[0].cost >= self._least_useful()

    def _continue(self, prefixes: list[Tokens], max_new_tokens: int) -> Sequence[Continuation]:
        self._calls += 1
        found = self._scorer.continuations(prefixes, max_new_tokens)
        self._decoder_steps += sum(len(one.logits) for one in found)
        return found

    def _next_branches(self) -> list[_Branch]:
        """The branches to continue; fewer than a batch if the others are hopeless."""
        chosen: list[_Branch] = []
        least = self._least_useful()
        while self._open and len(chosen) < self._effort.batch_size:
            if -self._open[0].cost < least:
                break
            chosen.append(heapq.heappop(self._open))
        return chosen

    def _free_candidate(self, path: Continuation) -> Candidate:
        """The free text and its score, without the repetitions that Whisper adds."""
        tokens = without_repetition(path.tokens)
        score = sum(
            float(row[token]) - log_sum(row)
            for token, row in zip(tokens, path.logits, strict=False)
        )
        if len(tokens) < len(path.logits):
            row = path.logits[len(tokens)]
            score += self._end_logit(row, tokens) - log_sum(row)
        return Candidate(tokens, score, score)

    def _end_logit(self, row: Row, tokens: Tokens) -> float:
        """Logit of the end of the text; a model that begins the text again means its end, too."""
        end = float(row[self._walk.vocabulary.end])
        return float(np.logaddexp(end, row[tokens[0]])) if len(tokens) > 1 else end

    def _follow(self, path: Continuation, branch: _Branch) -> None:
        """Walk on from the branch as far as the grammar allows, and keep the side branches."""
        state, score = branch.state, branch.score
        for index in range(len(branch.tokens), len(path.logits)):
            row = path.logits[index]
            total = log_sum(row)
            tokens = path.tokens[:index]
            if self._walk.automaton.accepts(state):
                self._add_candidate(tokens, score + self._end_logit(row, tokens) - total)
            if index >= self._effort.max_tokens:
                return
            token = path.tokens[index] if index < len(path.tokens) else None
            if token is not None and self._repeats_a_sentence((*tokens, token)):
                token = None
            next_score = self._expand(state, score, tokens, row - total, token)
            if next_score is None or token is None:
                return
            state, score = self._walk.step(state, token), next_score

    def _expand(
        self, state: int, score: float, tokens: Tokens, row: Row, taken: int | None
    ) -> float | None:
        """Keep the likely branches; returns the score after the token `taken`, if it is allowed.

        Tokens that lead to the same state are one branch, with their probabilities added.
        """
        choices = self._choices(state, row)
        if not len(choices.ids):
            return None
        logs = row[choices.ids]
        groups = np.logaddexp.reduceat(logs, choices.first)
        ends = [*choices.first.tolist()[1:], len(logs)]
        taken_group = None if taken is None else choices.group_of(taken)
        next_score: float | None = None
        kept = 0
        worst = float(groups.max()) - self._effort.max_branch_loss_nats
        for group in np.argsort(-groups, kind="stable").tolist():
            reached = score + float(groups[group])
            if group == taken_group:
                next_score = reached
                continue
            if kept >= self._effort.max_branches or groups[group] < worst:
                continue
            kept += 1
            begin = int(choices.first[group])
            token = int(choices.ids[begin + int(np.argmax(logs[begin : ends[group]]))])
            if not self._repeats_a_sentence((*tokens, token)):
                self._push((*tokens, token), choices.targets[group], reached)
        return next_score

    def _repeats_a_sentence(self, tokens: Tokens) -> bool:
        """Whether a whole sentence is followed by its own first token.

        Whisper has then missed the end of the sentence, which was not said twice.
        """
        texts = self._walk.vocabulary.texts
        if len(tokens) < _SHORTEST_REPETITION or texts[tokens[-1]] != texts[tokens[0]]:
            return False
        return self._walk.vocabulary.normalised_text(tokens[:-1]) in self._candidates

    def _choices(self, state: int, row: Row) -> Choices:
        if not self._walk.automaton.is_open(state):
            return self._walk.choices(state)
        return self._walk.open_choices(state, likeliest_tokens(row, self._effort.wildcard_tokens))

    def _push(self, tokens: Tokens, state: int, score: float) -> None:
        text = self._text(tokens)
        if score > self._best_score_of.get(text, -np.inf):
            self._best_score_of[text] = score
            remaining = max(0, len(self._free_text) - len(text))
            cost = self._effort.remaining_letter_nats * remaining - score
            heapq.heappush(self._open, _Branch(cost, tokens, state, score))

    def _add_candidate(self, tokens: Tokens, score: float) -> None:
        text = self._walk.vocabulary.normalised_text(tokens)
        score -= self._effort.spelling_penalty(self._free_text, text, score)
        known = self._candidates.get(text)
        if known is None:
            self._candidates[text] = Candidate(tokens, score, score)
            return
        best = known.best_spelling_score
        self._candidates[text] = Candidate(
            tokens if score > best else known.tokens,
            float(np.logaddexp(score, known.score)),
            max(score, best),
        )

    def _text(self, tokens: Tokens) -> str:
        return self._walk.vocabulary.folded_text(tokens).lstrip()


def _heard_words(walk: TokenWalk, tokens: Tokens, logits: LogRows) -> tuple[HeardWord, ...]:
    """The words of the free text, each with the mean log probability of its tokens."""
    texts = walk.vocabulary.texts
    words: list[tuple[str, list[float]]] = []
    for token, row in zip(tokens, logits, strict=False):
        text = texts[token] or ""
        if text.startswith(" ") or not words:
            words.append(("", []))
        before, scores = words[-1]
        words[-1] = before + text, [*scores, float(row[token]) - log_sum(row)]
    return tuple(
        HeardWord(part, float(np.mean(scores)))
        for text, scores in words
        for part in normalise(text).split()
    )


def likeliest_tokens(row: Row, count: int) -> Ids:
    """The `count` tokens with the highest logits, sorted by their number.

    Those near the best one are tried first, because to order the whole vocabulary takes as long
    as a step of a small model.
    """
    count = min(count, len(row) - 1)
    near = np.flatnonzero(row > row.max() - _NEAR_NATS)
    some = near if len(near) > count else np.arange(len(row))
    return np.sort(some[np.argpartition(-row[some], count)[:count]]).astype(np.int32)


def log_sum(row: Row) -> float:
    """Logarithm of the summed exponentials."""
    top = row.max()
    return float(top + np.log(np.exp(row - top).sum()))


def without_repetition(tokens: Tokens) -> Tokens:
    """The tokens up to where they begin again, if they repeat themselves from the start.

    A short word must be there three times: "pause pause" may have been said.
    """
    for period in range(1, len(tokens) // 2 + 1):
        often = len(tokens) >= 3 * period or period >= _SHORTEST_REPETITION
        if often and tokens[period:] == tokens[:-period]:
            return tokens[:period]
    return tokens
