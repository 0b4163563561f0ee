"""The sentences that are spelled most like a text: where to look first, and whether to look.

Levenshtein's distance between a text and a language, a position of the text at a time (Wagner and
Fischer 1974, on an automaton), with the cheapest states alone kept. Letters that sound alike
cost less, as what is compared was heard wrongly and not typed wrongly.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from appliance.grammar.text import STOPS, folded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.grammar.automaton import Automaton

MISSING = 0.7
"""A letter of the sentence that the text lacks."""

SURPLUS = 0.7
"""A letter of the text that the sentence lacks."""

SPACE = 0.4
"""A space too many or too few."""

ALIKE = 0.5
"""A letter in the place of one that sounds like it."""

OTHER = 1.0
"""A letter in the place of any other."""

FREE = 0.15
"""A letter that a wildcard takes: declared words go before."""

DEEP = 2
"""Different beginnings kept for each state of the automaton."""

SOUNDS = ("aeiouyäöüáéíóúàèìòùâêîôû", "bpfvw", "ckgqx", "dt", "szcx", "mn", "lr", "jgy")

_JOINED = str.maketrans({"-": " ", **dict.fromkeys(STOPS, "")})

_Chain = tuple[str, bool, "_Chain"] | None
"""The last letter, whether a wildcard took it, the letters before."""

_Place = tuple[float, int, int, _Chain]
"""Cost, state of the automaton, number of the letters so far, the letters so far."""


@dataclass(frozen=True, slots=True)
class Near:
    """A sentence that is spelled somewhat like a text."""

    text: str
    distance: float
    """Per letter of the declared words, 0.0 for the same; a letter in another's place is 1."""


def plain(text: str) -> str:
    """`text` as sentences are spelled: folded, without stops, single spaces."""
    return " ".join(folded(text).translate(_JOINED).split())


def nearest(
    automaton: Automaton, text: str, *, most: int, beam: int, deep: int = DEEP
) -> list[Near]:
    """Sentences near `text`, nearest first.

    Args:
        automaton: of the sentences.
        text: as a model wrote it.
        most: sentences to find at most.
        beam: places that are kept at each letter.
        deep: different beginnings that may lead to one state of the automaton.

    """
    heard = plain(text)
    layer: list[_Place] = [(0.0, automaton.start, 0, None)]
    for char in heard:
        ahead: dict[tuple[int, int], _Place] = {}
        surplus = SPACE if char == " " else SURPLUS
        for cost, state, letters, chain in _cheapest(automaton, layer, beam, deep):
            _keep(ahead, (cost + surplus, state, letters, chain))
            if automaton.takes_any(state):
                link = (char, True, chain)
                _keep(
                    ahead, (cost + FREE, automaton.step(state, char), hash((letters, char)), link)
                )
            for other, target in automaton.arcs(state):
                price = 0.0 if other == char else _instead(char, other)
                _keep(ahead, (cost + price, target, hash((letters, other)), (other, False, chain)))
        layer = list(ahead.values())
    found: dict[str, Near] = {}
    for cost, state, _, chain in _cheapest(automaton, layer, 4 * beam, most):
        if automaton.accepts(state):
            near = _near(chain, cost, len(heard))
            found.setdefault(near.text, near)
            if len(found) == most:
                break
    return sorted(found.values(), key=lambda near: near.distance)


def apart(heard: str, meant: str) -> float:
    """What it costs to turn one plain text into the other; a letter in another's place is 1."""
    if heard == meant:
        return 0.0
    lacks = np.array([SPACE if other == " " else MISSING for other in meant])
    behind = np.concatenate(([0.0], np.cumsum(lacks)))
    prices = {char: np.array([_instead(char, other) for other in meant]) for char in set(heard)}
    row = behind
    for char in heard:
        reached = row + (SPACE if char == " " else SURPLUS)
        reached[1:] = np.minimum(reached[1:], row[:-1] + prices[char])
        # The cheapest place to the left, with all letters from there to here lacking.
        row = np.minimum.accumulate(reached - behind) + behind
    return float(row[-1])


def _cheapest(automaton: Automaton, layer: list[_Place], beam: int, deep: int) -> Iterator[_Place]:
    """Places in the order of their cost, with those behind letters that the text lacks."""
    queue = [(place[0], number, place) for number, place in enumerate(layer)]
    heapq.heapify(queue)
    number, given = len(queue), 0
    seen: dict[int, list[int]] = {}
    while queue and given < beam:
        _, _, place = heapq.heappop(queue)
        cost, state, letters, chain = place
        before = seen.setdefault(state, [])
        if letters in before or len(before) >= deep:
            continue
        before.append(letters)
        given += 1
        yield place
        for other, target in automaton.arcs(state):
            if automaton.only_skips(target):
                continue  # what changes nothing was said or was not; nobody means it
            number += 1
            more = cost + (SPACE if other == " " else MISSING)
            link = (other, False, chain)
            heapq.heappush(queue, (more, number, (more, target, hash((letters, other)), link)))


def _keep(ahead: dict[tuple[int, int], _Place], place: _Place) -> None:
    key = place[1], place[2]
    known = ahead.get(key)
    if known is None or place[0] < known[0]:
        ahead[key] = place


def _near(chain: _Chain, cost: float, length: int) -> Near:
    letters: list[str] = []
    taken = 0
    while chain is not None:
        letter, free, chain = chain
        letters.append(letter)
        taken += free
    text = " ".join("".join(reversed(letters)).split())
    declared = max(length - taken, len(text) - taken, 1)
    return Near(text, (cost - FREE * taken) / declared)


@cache
def _instead(heard: str, meant: str) -> float:
    if heard == meant:
        return 0.0
    if " " in (heard, meant):
        return OTHER + SPACE
    alike = any(heard in sounds and meant in sounds for sounds in SOUNDS)
    return ALIKE if alike else OTHER
