"""Finds the sentences with the smallest edit distance to a text, by a beam search.

The Levenshtein distance between a text and a language, one letter of the text at a time (Wagner
and Fischer 1974, on an automaton). Letters that sound alike cost less, because the text was
misheard and not mistyped.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from appliance.text.normalise import normalise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.grammar.lazy_automaton import Automaton

INSERTION = 0.7
"""Cost of a letter of the sentence that the text lacks."""

DELETION = 0.7
"""Cost of a letter of the text that the sentence lacks."""

SPACE = 0.4
"""Cost of an extra or a missing space."""

ALIKE_SUBSTITUTION = 0.5
"""Cost of a letter in place of one that sounds like it."""

SUBSTITUTION = 1.0
"""Cost of a letter in place of any other."""

WILDCARD_LETTER = 0.15
"""Cost of a letter that a wildcard takes, so that declared words win."""

PER_STATE = 2
"""Different prefixes that the beam holds for each state of the automaton."""

SOUNDS = ("aeiouyäöüáéíóúàèìòùâêîôû", "bpfvw", "ckgqx", "dt", "szcx", "mn", "lr", "jgy")

_Letters = tuple[str, bool, "_Letters"] | None
"""The last letter, whether a wildcard took it, the letters before it."""

_Place = tuple[float, int, int, _Letters]
"""Cost, state of the automaton, hash of the letters so far, the letters so far."""

SearchLayers = dict[str, list[_Place]]
"""The beam after each prefix of a text; texts with the same prefix share it."""


@dataclass(frozen=True, slots=True)
class NearSentence:
    """A sentence whose spelling is near to a text."""

    text: str
    distance: float
    """Per letter of the declared words: 0.0 if all are equal, 1.0 if all differ."""


def nearest(
    automaton: Automaton,
    text: str,
    *,
    limit: int,
    beam: int,
    per_state: int = PER_STATE,
    layers: SearchLayers | None = None,
) -> list[NearSentence]:
    """The sentences with the smallest distance to `text`, nearest first.

    Args:
        automaton: of the sentences.
        text: as a model wrote it.
        limit: largest number of sentences to find.
        beam: largest number of places after each letter.
        per_state: largest number of different prefixes for each state of the automaton.
        layers: from earlier calls with the same beam; this call uses and extends them.

    """
    heard = normalise(text)
    layers = {} if layers is None else layers
    done = next((end for end in range(len(heard) - 1, 0, -1) if heard[:end] in layers), 0)
    layer: list[_Place] = [(0.0, automaton.start, 0, None)]
    for index in range(done, len(heard)):
        beginning = heard[:index]
        if beginning not in layers:
            layers[beginning] = list(_cheapest(automaton, layer, beam, per_state))
        needed = beam if index + 1 < len(heard) else None
        layer = _next_layer(automaton, layers[beginning], heard[index], needed)
    found: dict[str, NearSentence] = {}
    for cost, state, _, letters in _cheapest(automaton, layer, 4 * beam, limit):
        if automaton.accepts(state):
            near = _near_sentence(letters, cost, len(heard))
            found.setdefault(near.text, near)
            if len(found) == limit:
                break
    return sorted(found.values(), key=lambda near: near.distance)


def spelling_distance(heard: str, meant: str) -> float:
    """The edit distance between two normalised texts, with the costs above."""
    if heard == meant:
        return 0.0
    inserted = np.array([SPACE if other == " " else INSERTION for other in meant])
    inserted_before = np.concatenate(([0.0], np.cumsum(inserted)))
    costs = {char: np.array([_costs(char)[other] for other in meant]) for char in set(heard)}
    row = inserted_before
    for char in heard:
        reached = row + (SPACE if char == " " else DELETION)
        reached[1:] = np.minimum(reached[1:], row[:-1] + costs[char])
        # The minimum over all places to the left, with every letter from there to here inserted.
        row = np.minimum.accumulate(reached - inserted_before) + inserted_before
    return float(row[-1])


def _next_layer(
    automaton: Automaton, places: list[_Place], char: str, needed: int | None
) -> list[_Place]:
    """The places after one more letter of the text, each with its lowest cost.

    If only the `needed` cheapest are used, places that must cost more are left out.
    """
    reached: dict[tuple[int, int], _Place] = {}
    deletion = SPACE if char == " " else DELETION
    worst = places[-1][0] + deletion if len(places) == needed else math.inf
    costs, takes_any, arcs = _costs(char), automaton.takes_any, automaton.arcs
    for cost, state, hashed, letters in places:
        key = state, hashed
        total = cost + deletion
        if key not in reached or total < reached[key][0]:
            reached[key] = (total, state, hashed, letters)
        if takes_any(state):
            last = (char, True, letters)
            place = (
                cost + WILDCARD_LETTER,
                automaton.step(state, char),
                hash((hashed, char)),
                last,
            )
            _keep_cheaper(reached, place)
        for other, target in arcs(state):
            total = cost + costs[other]
            if total <= worst:
                key = target, hash((hashed, other))
                if key not in reached or total < reached[key][0]:
                    reached[key] = (total, *key, (other, False, letters))
    return list(reached.values())


def _cheapest(
    automaton: Automaton, layer: list[_Place], beam: int, per_state: int
) -> Iterator[_Place]:
    """The places in order of their cost, with those after inserted letters."""
    first, worst = _prune(layer, beam, per_state)
    queue = [(place[0], number, place) for number, place in enumerate(first)]
    number, yielded = len(queue), 0
    seen: dict[int, list[int]] = {}
    while queue and yielded < beam:
        _, _, place = heapq.heappop(queue)
        cost, state, hashed, letters = place
        before = seen.setdefault(state, [])
        if hashed in before or len(before) >= per_state:
            continue
        before.append(hashed)
        yielded += 1
        yield place
        if cost + min(SPACE, INSERTION) > worst:
            continue
        for other, target in automaton.arcs(state):
            total = cost + (SPACE if other == " " else INSERTION)
            # A skip word that the text lacks was not said; it must not make sentences differ.
            if total <= worst and not automaton.only_in_skip_word(target):
                number += 1
                last = (other, False, letters)
                heapq.heappush(queue, (total, number, (total, target, hash((hashed, other)), last)))


def _prune(layer: list[_Place], beam: int, per_state: int) -> tuple[list[_Place], float]:
    """The places of the layer that can be among the `beam` cheapest, and their highest cost.

    At most `per_state` for each state. Places after inserted letters cannot raise that cost.
    """
    count: dict[int, int] = {}
    pruned: list[_Place] = []
    worst = math.inf
    for place in sorted(layer, key=itemgetter(0)):
        if place[0] > worst:
            break
        before = count.get(place[1], 0)
        if before < per_state:
            count[place[1]] = before + 1
            pruned.append(place)
            if len(pruned) == beam:
                worst = place[0]
    return pruned, worst


def _keep_cheaper(reached: dict[tuple[int, int], _Place], place: _Place) -> None:
    key = place[1], place[2]
    known = reached.get(key)
    if known is None or place[0] < known[0]:
        reached[key] = place


def _near_sentence(last: _Letters, cost: float, length: int) -> NearSentence:
    letters: list[str] = []
    in_wildcards = 0
    while last is not None:
        letter, in_wildcard, last = last
        letters.append(letter)
        in_wildcards += in_wildcard
    text = " ".join("".join(reversed(letters)).split())
    declared = max(length - in_wildcards, len(text) - in_wildcards, 1)
    return NearSentence(text, (cost - WILDCARD_LETTER * in_wildcards) / declared)


class _Costs(dict[str, float]):
    """The cost of each letter in place of the one that was heard."""

    def __init__(self, heard: str) -> None:
        super().__init__()
        self._heard = heard

    def __missing__(self, meant: str) -> float:
        cost = self[meant] = _substitution(self._heard, meant)
        return cost


_costs = cache(_Costs)


def _substitution(heard: str, meant: str) -> float:
    if heard == meant:
        return 0.0
    if " " in (heard, meant):
        return SUBSTITUTION + SPACE
    alike = any(heard in sounds and meant in sounds for sounds in SOUNDS)
    return ALIKE_SUBSTITUTION if alike else SUBSTITUTION
