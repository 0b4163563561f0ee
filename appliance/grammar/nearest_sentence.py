"""The sentences that are spelled most like a text: where to look first, and whether to look.

Levenshtein's distance between a text and a language, a position of the text at a time (Wagner and
Fischer 1974, on an automaton), with the cheapest states alone kept. Letters that sound alike
cost less, as what is compared was heard wrongly and not typed wrongly.
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

_Chain = tuple[str, bool, "_Chain"] | None
"""The last letter, whether a wildcard took it, the letters before."""

_Place = tuple[float, int, int, _Chain]
"""Cost, state of the automaton, number of the letters so far, the letters so far."""

Beginnings = dict[str, list[_Place]]
"""The cheapest places behind each beginning of a text."""


@dataclass(frozen=True, slots=True)
class Near:
    """A sentence that is spelled somewhat like a text."""

    text: str
    distance: float
    """Per letter of the declared words, 0.0 for the same; a letter in another's place is 1."""


def nearest(
    automaton: Automaton,
    text: str,
    *,
    most: int,
    beam: int,
    deep: int = DEEP,
    known: Beginnings | None = None,
) -> list[Near]:
    """Sentences near `text`, nearest first.

    Args:
        automaton: of the sentences.
        text: as a model wrote it.
        most: sentences to find at most.
        beam: places that are kept at each letter.
        deep: different beginnings that may lead to one state of the automaton.
        known: what was found for texts with the same beginning, the rest the same; added to.

    """
    heard = normalise(text)
    known = {} if known is None else known
    done = next((end for end in range(len(heard) - 1, 0, -1) if heard[:end] in known), 0)
    layer: list[_Place] = [(0.0, automaton.start, 0, None)]
    for index in range(done, len(heard)):
        begin = heard[:index]
        if begin not in known:
            known[begin] = list(_cheapest(automaton, layer, beam, deep))
        enough = beam if index + 1 < len(heard) else None
        layer = _onward(automaton, known[begin], heard[index], enough)
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
    prices = {char: np.array([_prices(char)[other] for other in meant]) for char in set(heard)}
    row = behind
    for char in heard:
        reached = row + (SPACE if char == " " else SURPLUS)
        reached[1:] = np.minimum(reached[1:], row[:-1] + prices[char])
        # The cheapest place to the left, with all letters from there to here lacking.
        row = np.minimum.accumulate(reached - behind) + behind
    return float(row[-1])


def _onward(
    automaton: Automaton, places: list[_Place], char: str, enough: int | None
) -> list[_Place]:
    """The places behind one more letter of the text, the cheapest way to each.

    Where the `enough` cheapest are wanted, what is dearer than so many surely are is left out.
    """
    ahead: dict[tuple[int, int], _Place] = {}
    surplus = SPACE if char == " " else SURPLUS
    worst = places[-1][0] + surplus if len(places) == enough else math.inf
    prices, takes_any, arcs = _prices(char), automaton.takes_any, automaton.arcs
    for cost, state, letters, chain in places:
        key = state, letters
        price = cost + surplus
        if key not in ahead or price < ahead[key][0]:
            ahead[key] = (price, state, letters, chain)
        if takes_any(state):
            link = (char, True, chain)
            _keep(ahead, (cost + FREE, automaton.step(state, char), hash((letters, char)), link))
        for other, target in arcs(state):
            price = cost + prices[other]
            if price <= worst:
                key = target, hash((letters, other))
                if key not in ahead or price < ahead[key][0]:
                    ahead[key] = (price, *key, (other, False, chain))
    return list(ahead.values())


def _cheapest(automaton: Automaton, layer: list[_Place], beam: int, deep: int) -> Iterator[_Place]:
    """Places in the order of their cost, with those behind letters that the text lacks."""
    likely, worst = _likely(layer, beam, deep)
    queue = [(place[0], number, place) for number, place in enumerate(likely)]
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
        if cost + min(SPACE, MISSING) > worst:
            continue
        for other, target in automaton.arcs(state):
            more = cost + (SPACE if other == " " else MISSING)
            # What changes nothing was said or was not; nobody means it.
            if more <= worst and not automaton.only_skips(target):
                number += 1
                link = (other, False, chain)
                heapq.heappush(queue, (more, number, (more, target, hash((letters, other)), link)))


def _likely(layer: list[_Place], beam: int, deep: int) -> tuple[list[_Place], float]:
    """Those of the layer that can be among the `beam` cheapest, and the cost that none is above.

    No more than `deep` for a state; places behind a letter that is lacking make it no higher.
    """
    count: dict[int, int] = {}
    likely: list[_Place] = []
    worst = math.inf
    for place in sorted(layer, key=itemgetter(0)):
        if place[0] > worst:
            break
        before = count.get(place[1], 0)
        if before < deep:
            count[place[1]] = before + 1
            likely.append(place)
            if len(likely) == beam:
                worst = place[0]
    return likely, worst


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


class _Prices(dict[str, float]):
    """What each letter costs in the place of one that was heard."""

    def __init__(self, heard: str) -> None:
        super().__init__()
        self._heard = heard

    def __missing__(self, meant: str) -> float:
        price = self[meant] = _instead(self._heard, meant)
        return price


_prices = cache(_Prices)


def _instead(heard: str, meant: str) -> float:
    if heard == meant:
        return 0.0
    if " " in (heard, meant):
        return OTHER + SPACE
    alike = any(heard in sounds and meant in sounds for sounds in SOUNDS)
    return ALIKE if alike else OTHER
