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

from appliance.grammar.lazy_automaton import DEAD
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

_Hypothesis = tuple[float, int, int, _Letters]
"""Cost, state of the automaton, hash of the letters so far, the letters so far."""

SearchLayers = dict[str, list[_Hypothesis]]
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
    layers: SearchLayers | None = None,
) -> list[NearSentence]:
    """The sentences with the smallest distance to `text`, nearest first.

    Args:
        automaton: of the sentences.
        text: as a model wrote it.
        limit: largest number of sentences to find.
        beam: largest number of hypotheses after each letter.
        layers: from earlier calls with the same beam; this call uses and extends them.

    """
    heard = normalise(text)
    layers = {} if layers is None else layers
    known_letters = next((end for end in range(len(heard) - 1, 0, -1) if heard[:end] in layers), 0)
    layer: list[_Hypothesis] = [(0.0, automaton.start, 0, None)]
    for index in range(known_letters, len(heard)):
        prefix = heard[:index]
        if prefix not in layers:
            layers[prefix] = list(_cheapest(automaton, layer, beam, PER_STATE))
        used = beam if index + 1 < len(heard) else None
        layer = _next_layer(automaton, layers[prefix], heard[index], used)
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
        # The minimum over all positions to the left, with every letter from there to here inserted.
        row = np.minimum.accumulate(reached - inserted_before) + inserted_before
    return float(row[-1])


def _next_layer(
    automaton: Automaton, hypotheses: list[_Hypothesis], char: str, used: int | None
) -> list[_Hypothesis]:
    """The hypotheses after one more letter of the text, each with its lowest cost.

    Only those that cannot be among the `used` cheapest are left out; None leaves out none.
    """
    reached: dict[tuple[int, int], _Hypothesis] = {}
    deletion = SPACE if char == " " else DELETION
    highest_cost = hypotheses[-1][0] + deletion if len(hypotheses) == used else math.inf
    costs, takes_any, letters_of = _costs(char), automaton.takes_any, automaton.letters
    known_steps, step = automaton.known_steps, automaton.step
    for cost, state, prefix_hash, letters in hypotheses:
        key = state, prefix_hash
        total = cost + deletion
        if key not in reached or total < reached[key][0]:
            reached[key] = (total, state, prefix_hash, letters)
        if takes_any(state):
            key = automaton.step(state, char), hash((prefix_hash, char))
            _keep_cheaper(reached, (cost + WILDCARD_LETTER, *key, (char, True, letters)))
        known = known_steps(state)
        for other in letters_of(state):
            total = cost + costs[other]
            if total <= highest_cost:
                # Most letters cost too much, so that the states after them need not be built.
                target = known[other] if other in known else step(state, other)
                if target == DEAD:
                    continue
                key = target, hash((prefix_hash, other))
                if key not in reached or total < reached[key][0]:
                    reached[key] = (total, *key, (other, False, letters))
    return list(reached.values())


def _cheapest(
    automaton: Automaton, layer: list[_Hypothesis], beam: int, per_state: int
) -> Iterator[_Hypothesis]:
    """The hypotheses in order of their cost, with those after inserted letters."""
    first, highest_cost = _prune(layer, beam, per_state)
    queue = [(hypothesis[0], number, hypothesis) for number, hypothesis in enumerate(first)]
    number, yielded = len(queue), 0
    seen: dict[int, list[int]] = {}
    while queue and yielded < beam:
        hypothesis = heapq.heappop(queue)[2]
        prefixes = seen.setdefault(hypothesis[1], [])
        if hypothesis[2] in prefixes or len(prefixes) >= per_state:
            continue
        prefixes.append(hypothesis[2])
        yielded += 1
        yield hypothesis
        for inserted in _with_a_letter_inserted(automaton, hypothesis, highest_cost):
            number += 1
            heapq.heappush(queue, (inserted[0], number, inserted))


def _with_a_letter_inserted(
    automaton: Automaton, hypothesis: _Hypothesis, highest_cost: float
) -> list[_Hypothesis]:
    """The hypotheses with one letter more of the sentence, up to `highest_cost`."""
    cost, state, prefix_hash, letters = hypothesis
    found: list[_Hypothesis] = []
    if cost + min(SPACE, INSERTION) > highest_cost:
        return found
    known = automaton.known_steps(state)
    for other in automaton.letters(state):
        total = cost + (SPACE if other == " " else INSERTION)
        if total > highest_cost:
            continue
        target = known[other] if other in known else automaton.step(state, other)
        # A skip word that the text lacks was not said; it must not make sentences differ.
        if target != DEAD and not automaton.only_in_skip_word(target):
            found.append((total, target, hash((prefix_hash, other)), (other, False, letters)))
    return found


def _prune(layer: list[_Hypothesis], beam: int, per_state: int) -> tuple[list[_Hypothesis], float]:
    """The hypotheses of the layer that can be among the `beam` cheapest, and their highest cost.

    At most `per_state` for each state. Inserted letters cannot raise that cost.
    """
    count: dict[int, int] = {}
    pruned: list[_Hypothesis] = []
    highest_cost = math.inf
    for hypothesis in sorted(layer, key=itemgetter(0)):
        if hypothesis[0] > highest_cost:
            break
        found = count.get(hypothesis[1], 0)
        if found < per_state:
            count[hypothesis[1]] = found + 1
            pruned.append(hypothesis)
            if len(pruned) == beam:
                highest_cost = hypothesis[0]
    return pruned, highest_cost


def _keep_cheaper(reached: dict[tuple[int, int], _Hypothesis], hypothesis: _Hypothesis) -> None:
    key = hypothesis[1], hypothesis[2]
    known = reached.get(key)
    if known is None or hypothesis[0] < known[0]:
        reached[key] = hypothesis


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
