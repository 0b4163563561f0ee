"""Whether words that were heard clearly rule a sentence out: another number or word, a question.

In a long sentence the mean score hides a single wrong word, and 50 sounds much like 15.
"""

from __future__ import annotations

import math
from collections import Counter
from difflib import get_close_matches
from typing import TYPE_CHECKING

from appliance.decoding.word_differences import differences, digits_for_words, numbers_in
from appliance.grammar.nearest_sentence import spelling_distance
from appliance.text.number_words import in_words
from appliance.text.word_lists import word_lists_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.decoding.search_types import HeardWord
    from appliance.decoding.word_differences import Difference
    from appliance.text.word_lists import WordLists

CLEAR = math.log(0.2)
"""A number counts as clearly heard if the mean log probability of its tokens is above this. Even a
low value is the model's best guess: "seventy" was heard as 70 with 0.25. Of 470 right results this
refuses one, in which a word was heard as a number."""

NUMBER_SURPLUS_NATS = 3.0
"""A number heard in place of a word, in a sentence without numbers, was misheard unless the free
text fits better by this many nats: "Partimodus 10" for "Partymodus Szene"."""

UNHEARD_NUMBER_NATS = 1.0
"""A number of the sentence that was not heard as one rules it out, if the free text fits better by
this many nats. "An egg out coffee" fits no better than "an eight-ounce coffee"."""

SURPLUS_NATS = 8.0
"""A stretch of other words rules a sentence out if the free text fits better by this many nats and
the stretch differs by LETTERS letters and by SHARE of its letters, heard with CERTAINTY. Of 324
right results in three domains, this excludes only one name that is no word; of 32 orders with an
undeclared value it excludes 24."""

LETTERS = 2.4
SHARE = 0.4
CERTAINTY = 0.65

EXCESS_LETTERS = 3
EXCESS_SURPLUS_NATS = 4.0
"""A stretch rules the sentence out if it has all letters of the sentence's words and at least
EXCESS_LETTERS more, and the free text fits better by this many nats. "house coffee" is not
"coffee", nor is the misheard "hascoffee". This excludes none of 700 right results in seven
domains."""

CLEAR_EXCESS_LETTERS = 2
CLEAR_EXCESS_SURPLUS_NATS = 2.5
CLEAR_EXCESS_CERTAINTY = 0.25
"""The same if it was heard so surely: "reset" is not "set", and "you set" is a report. None of 241
right results, 110 of them in noise, had one."""

UNSAID_SURPLUS_NATS = 4.0
"""A word inside the sentence that was not heard at all rules it out, if the free text fits so much
better: "a bit of milk" is not "a little bit of milk"."""

OTHER_WORD_SURPLUS_NATS = 10.0
"""A stretch of words of other sentences rules this one out, if the free text fits better by this
many nats: "ice coffee" is "iced coffee", not "house coffee", even if the former is undeclared. Of
480 right results in seven domains none had one; of four accepted undeclared values three had."""

OTHER_WORD_CERTAINTY = 0.6
"""Minimum probability of such a stretch that was heard well."""

OTHER_WORD_LETTERS = 1.0
"""Letters by which the stretch must be nearer to those words than to the sentence's; if it was
heard badly, twice this and SHARE: "capicino" is "cappuccino", not "coffee"."""

KNOWN_SHARE = 0.2
"""Maximum share of letters in which a heard word may differ from a word of the sentences."""

LONE_NATS_PER_WORD = 1.2
LONE_SURPLUS_NATS = 6.0
LONE_CERTAINTY = 0.375
LONE_UNSURE_FACTOR = 1.75
"""If all words are the same but one stretch, that rules a sentence out if it differs by SHARE, was
heard so surely, and the free text fits so much better in all and for each word of the sentence:
"turn on the kitchen fan" is not "turn on the kitchen lamp". A long sentence has more that is
misheard. How surely it was heard does not matter if the free text fits better by the factor. Of
303 right results none had all of these."""

LONE_EXTRA_FACTOR = 0.8
"""The free text needs only this much of that lead if the stretch is a word that the sentence lacks,
or only a part of its word, however unsure: "bath" is not "bathroom". Of 595 right results one of
the former had 0.67 of it, and none of the latter."""

GUARD_SURPLUS_NATS = 2.0
"""A guard word, such as "is" or "later", rules a sentence out if the free text fits better by this
many nats. Of 88 recordings of near-commands six had such a word, with 3 to 6 nats; no right result
had one."""

GUARD_CLEAR = math.log(0.1)
"""Mean log probability above which a guard word counts. It is lower than for other words, because
nothing may act in doubt and the first word of a sentence, the "is" of a question, is often
unsure."""

GUARD_SHARE = 0.45
"""A guard word counts only if it differs from the sentence's words in its place by at least this
share of letters: "I was a single shot" is a misheard "I want a single shot"."""

GUARD_CERTAINTY = 0.5
"""Minimum probability of a guard word in a stretch in place of other words inside a sentence: "cap
as you know" is "cappuccino"."""

PARTED_SHARE = 0.25
"""Like GUARD_SHARE, if the words are split differently: "staan de lamp" is "staande lamp"."""

HEARD_GUARDS = frozenset({"question", "negation", "time", "condition"})
"""Kinds of guard words that count in speech. Guard words of a report are short and often misheard,
such as "I" in "I'd like"."""


def contradicts(
    heard: Sequence[HeardWord],
    sentence: str,
    language: str,
    surplus: float,
    words: frozenset[str] = frozenset(),
) -> bool:
    """Whether a clearly heard number, guard word or stretch of words rules the sentence out.

    Args:
        heard: the words of the free text.
        sentence: normalised.
        language: of both.
        surplus: how much better the free text fits in all, nats.
        words: all that the sentences have, folded.

    """
    if has_other_number(heard, sentence, language, surplus):
        return True
    if surplus >= GUARD_SURPLUS_NATS and has_other_guard(heard, sentence, language):
        return True
    found = differences(heard, sentence, language)
    if _is_lone_other(found, sentence, surplus):
        return True
    return any(_rules_out(one, language, surplus, words) for one in found)


def _rules_out(one: Difference, language: str, surplus: float, words: frozenset[str]) -> bool:
    if _says_more(one, language, surplus):
        return True
    if surplus >= UNSAID_SURPLUS_NATS and _is_unsaid(one):
        return True
    if surplus >= OTHER_WORD_SURPLUS_NATS and _is_other_declared(one, words):
        return True
    return surplus >= SURPLUS_NATS and _is_other(one)


def _is_other(one: Difference) -> bool:
    """Whether other words were heard clearly; Whisper skips a beginning, so that is none."""
    skipped = one.begins and not one.heard
    return not skipped and one.cost >= LETTERS and one.share >= SHARE and one.certainty >= CERTAINTY


def _is_unsaid(one: Difference) -> bool:
    """Whether the sentence has a word, not at its beginning, in place of nothing."""
    unsaid = not one.heard and not one.begins
    return unsaid and one.cost >= LETTERS and one.certainty >= CERTAINTY


def _is_other_declared(one: Difference, words: frozenset[str]) -> bool:
    """Whether what was heard is nearer to other words of the sentences than to those of this."""
    nearer = OTHER_WORD_LETTERS
    if one.certainty < OTHER_WORD_CERTAINTY:
        if one.share < SHARE:
            return False
        nearer *= 2
    if not one.heard or one.cost < nearer:
        return False
    known = [_known(word, words) for word in one.heard.split()]
    if not all(known):
        return False
    return one.cost - spelling_distance(one.heard, " ".join(known)) >= nearer


def _known(word: str, words: frozenset[str]) -> str:
    """The word of the sentences that was heard as `word`; empty if none is near enough."""
    if word in words:
        return word
    near = get_close_matches(word, words, n=3, cutoff=0.6)
    distances = [(spelling_distance(word, other), other) for other in near]
    cost, other = min(distances, default=(math.inf, ""))
    return other if cost <= KNOWN_SHARE * max(len(word), len(other)) else ""


def _is_lone_other(found: Sequence[Difference], sentence: str, surplus: float) -> bool:
    """Whether the only stretch that differs was heard as something else."""
    if len(found) != 1 or not found[0].heard or _is_short(found[0].meant):
        return False
    needed = max(LONE_SURPLUS_NATS, LONE_NATS_PER_WORD * len(sentence.split()))
    one = found[0]
    is_part = _is_part(one)
    if not one.meant or is_part:
        needed *= LONE_EXTRA_FACTOR
    if one.meant == sentence:
        return False  # no word is the same: a short command that was misheard, or other speech
    sure = is_part or one.certainty >= LONE_CERTAINTY or surplus >= LONE_UNSURE_FACTOR * needed
    return sure and one.share >= SHARE and surplus >= needed


def _is_part(one: Difference) -> bool:
    """Whether the heard stretch is about the beginning or the end of the sentence's longer one."""
    said, meant = one.heard.replace(" ", ""), one.meant.replace(" ", "")
    size = len(said)
    if size < EXCESS_LETTERS or len(meant) - size < EXCESS_LETTERS:
        return False
    return any(spelling_distance(said, part) <= 1.0 for part in (meant[:size], meant[-size:]))


def _is_short(meant: str) -> bool:
    """Whether it is so short that it may be a part of anything: the "a" of "to eat"."""
    return 0 < len(meant.replace(" ", "")) < EXCESS_LETTERS


def _says_more(one: Difference, language: str, surplus: float) -> bool:
    """Whether the heard stretch contains the sentence's words and further meaningful letters."""
    if not word_lists_for(language).content(one.heard.split(), begins=False):
        return False  # "please", "the"
    said, meant = one.heard.replace(" ", ""), one.meant.replace(" ", "")
    if _is_short(meant):
        return False
    parts = (said, *one.heard.split())  # "turn" is in "i turned"
    within = any(part.startswith(meant) or part.endswith(meant) for part in parts)
    letters = len(said) - len(meant) if within else 0
    if letters >= EXCESS_LETTERS and surplus >= EXCESS_SURPLUS_NATS:
        return True
    clear = one.certainty >= CLEAR_EXCESS_CERTAINTY and surplus >= CLEAR_EXCESS_SURPLUS_NATS
    return clear and letters >= CLEAR_EXCESS_LETTERS


def any_contradicts(
    hearings: Sequence[Sequence[HeardWord]],
    sentence: str,
    language: str,
    surplus: float,
    words: frozenset[str] = frozenset(),
) -> bool:
    """As `contradicts`, with the words of several models: one contradiction is enough.

    If another model wrote the sentence word for word, only numbers count against it. For the
    arguments see `contradicts`.
    """
    if any(has_other_number(heard, sentence, language, surplus) for heard in hearings):
        return True
    if any(" ".join(word.text for word in heard) == sentence for heard in hearings):
        return False
    return any(contradicts(heard, sentence, language, surplus, words) for heard in hearings)


def has_other_number(
    heard: Sequence[HeardWord], sentence: str, language: str, surplus: float = math.inf
) -> bool:
    """Whether the heard words or the sentence contain a number that the other lacks.

    Arguments as above.
    """
    words = [(one.text, one.score) for one in heard]
    said = numbers_in(digits_for_words(words, language))
    plain = [(word, 0.0) for word in sentence.split()]
    meant = Counter(number for number, _ in numbers_in(digits_for_words(plain, language)))
    clear = Counter(
        part for number, score in said if score > CLEAR for part in _as_in(number, meant)
    )
    if not meant and surplus < NUMBER_SURPLUS_NATS:
        found = differences(heard, sentence, language)
        replaced = [one.heard.split() for one in found if one.meant]
        clear -= Counter(number for words in replaced for number in _numbers(words))
    if clear - meant:
        return True
    known = Counter(part for number, _ in said for part in _as_in(number, meant))
    texts = {word for word, _ in words}
    unheard = sum(
        count
        for number, count in (meant - known).items()
        if number.isdecimal() and texts.isdisjoint(in_words(int(number), language))
    )
    guessed = (known - meant).total()  # a number was said, and its words are not sure
    return unheard > guessed and surplus >= UNHEARD_NUMBER_NATS


def _numbers(words: Sequence[str]) -> list[str]:
    return [number for number, _ in numbers_in([(word, 0.0) for word in words])]


def _as_in(number: str, meant: Counter[str]) -> list[str]:
    """The number, or its two parts if the sentence has those: "7.30" is "7 30"."""
    parts = number.split(".")
    return parts if number not in meant and all(part in meant for part in parts) else [number]


def has_other_guard(heard: Sequence[HeardWord], sentence: str, language: str) -> bool:
    """Whether a clearly heard word is a guard word (HEARD_GUARDS) that the sentence lacks."""
    lists = word_lists_for(language)
    words = sentence.split()
    own = {*words, *lists.content(words, begins=True)}
    clear = [one.text for one in heard if one.score > GUARD_CLEAR]
    said = lists.content(clear, begins=True)
    misheard = {
        word
        for one in differences(heard, sentence, language)
        if _is_misheard(one, lists)
        for word in one.heard.split()
    }
    guard = lists.guard_in([word for word in said if word not in own and word not in misheard])
    return guard is not None and guard[0] in HEARD_GUARDS


def _is_misheard(one: Difference, lists: WordLists) -> bool:
    """Whether a stretch sounds like what the sentence has there, or was heard badly inside it.

    In place of words that say nothing, "later" for "please", it counts though it was heard badly.
    """
    same_count = len(one.heard.split()) == len(one.meant.split())
    if one.share < (GUARD_SHARE if same_count else PARTED_SHARE):
        return True
    says = bool(lists.content(one.meant.split(), begins=False))
    return says and not one.begins and one.certainty < GUARD_CERTAINTY


def objection(heard: Sequence[HeardWord], sentence: str, language: str, surplus: float) -> float:
    """The evidence against a sentence that is not ruled out, for the calibration.

    The largest difference in letters, weighed by its certainty, times the surplus in tens of nats;
    both are bounded. Arguments as above.
    """
    found = differences(heard, sentence, language)
    largest = max((one.cost * one.certainty for one in found), default=0.0)
    return min(largest, MOST_LETTERS) * min(max(surplus, 0.0), MOST_NATS) / 10


MOST_LETTERS = 6.0
MOST_NATS = 25.0
