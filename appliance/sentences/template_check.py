"""One hassil template: what is wrong with it, and what it refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hassil.expression import (
    Expression,
    Group,
    ListReference,
    Permutation,
    RuleReference,
    Sentence,
    Sequence,
    TextChunk,
)
from hassil.parse_expression import parse_sentence
from hassil.parser import ParseError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

OPENING = {"(": ")", "[": "]", "{": "}", "<": ">"}
DEEPEST = 50
"""Brackets within brackets; what reads a template goes as deep, and nobody reads such a one."""

CLOSING = {closing: opening for opening, closing in OPENING.items()}


class TemplateError(Exception):
    """A template cannot be read; the message goes on from the place where it stands."""


def read(text: str) -> Sentence:
    """The template's tree; TemplateError where it is none."""
    if not text.strip():
        raise TemplateError("the sentence is empty")
    _check_brackets(text)
    try:
        return parse_sentence(text, keep_text=True)
    except RecursionError:
        raise TemplateError(f"too deeply nested: {_short(text)}") from None
    except (ParseError, AssertionError, ValueError) as error:
        raise TemplateError(f"not a sentence template: {_short(text)} ({error})") from None


def _check_brackets(text: str) -> None:
    """Say which bracket is wrong: hassil says only that some chunk is."""
    stack: list[tuple[str, int]] = []
    escaped = False
    for position, character in enumerate(text):
        if escaped or character == "\\":
            escaped = not escaped
        elif character in OPENING:
            stack.append((character, position))
            if len(stack) > DEEPEST:
                raise TemplateError(
                    f"too deeply nested, {DEEPEST} brackets at most: {_short(text)}"
                )
        elif character in CLOSING:
            _close(text, stack, position)
    if stack:
        opened, at = stack[-1]
        raise TemplateError(
            f"{opened!r} at character {at + 1} is never closed with {OPENING[opened]!r}: "
            f"{_short(text)}"
        )


def _close(text: str, stack: list[tuple[str, int]], position: int) -> None:
    closing = text[position]
    if not stack or stack[-1][0] != CLOSING[closing]:
        expected = f"; {OPENING[stack[-1][0]]!r} is expected first" if stack else ""
        raise TemplateError(
            f"{closing!r} at character {position + 1} closes nothing{expected}: {_short(text)}"
        )
    opened, at = stack.pop()
    if at + 1 == position:
        raise TemplateError(f"nothing stands between {opened!r} and {closing!r}: {_short(text)}")


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")  # noqa: PLR2004 (a line's worth)


def references(expression: Expression) -> Iterator[ListReference | RuleReference]:
    """Every list and rule that an expression names itself, in order."""
    if isinstance(expression, ListReference | RuleReference):
        yield expression
    elif isinstance(expression, Group):
        for item in expression.items:
            yield from references(item)


def named(sentence: Sentence) -> list[str]:
    """The rules and lists that a template uses directly, as it writes them: `<rule>`, `{list}`."""
    return [
        f"<{r.rule_name}>" if isinstance(r, RuleReference) else f"{{{r.list_name}}}"
        for r in references(sentence.expression)
    ]


def find_circle(uses: Mapping[str, list[str]], starts: Collection[str]) -> list[str] | None:
    """What uses itself, and the way back to it: `[<a>, <b>, <a>]`; None where nothing does.

    Looked for from `starts` on; a circle with one of them in it begins with one of them.
    """
    done: set[str] = set()
    for start in starts:
        circle = _circle_from(start, uses, [], done)
        if circle:
            first = next((i for i, name in enumerate(circle) if name in starts), 0)
            return [*circle[first:-1], *circle[: first + 1]]
    return None


def _circle_from(
    name: str, uses: Mapping[str, list[str]], above: list[str], done: set[str]
) -> list[str] | None:
    if name in above:
        return [*above[above.index(name) :], name]
    if name in done or name not in uses:
        return None
    for used in uses[name]:
        circle = _circle_from(used, uses, [*above, name], done)
        if circle:
            return circle
    done.add(name)
    return None


def is_blank(expression: Expression, rules: dict[str, Sentence]) -> bool:
    """Whether an expression can stand for nothing at all; punctuation is not said."""
    if isinstance(expression, TextChunk):
        return not any(map(str.isalnum, expression.text))
    if isinstance(expression, RuleReference):
        return is_blank(rules[expression.rule_name].expression, rules)
    if isinstance(expression, Sequence | Permutation):
        return all(is_blank(item, rules) for item in expression.items)
    if isinstance(expression, Group):
        return any(is_blank(item, rules) for item in expression.items)
    return False


def may_start(expression: Expression, rules: dict[str, Sentence]) -> Iterator[ListReference]:
    """The lists whose value may be the first thing said."""
    if isinstance(expression, ListReference):
        yield expression
    elif isinstance(expression, RuleReference):
        yield from may_start(rules[expression.rule_name].expression, rules)
    elif isinstance(expression, Sequence):
        for item in expression.items:
            yield from may_start(item, rules)
            if not is_blank(item, rules):
                return
    elif isinstance(expression, Group):
        for item in expression.items:
            yield from may_start(item, rules)


def words_needed(expression: Expression, rules: dict[str, Sentence], wild: frozenset[str]) -> bool:
    """Whether something other than a wildcard must be said for the expression to fit."""
    if isinstance(expression, TextChunk):
        return bool(expression.text.strip())
    if isinstance(expression, ListReference):
        return expression.list_name not in wild
    if isinstance(expression, RuleReference):
        return words_needed(rules[expression.rule_name].expression, rules, wild)
    if isinstance(expression, Sequence | Permutation):
        return any(words_needed(item, rules, wild) for item in expression.items)
    if isinstance(expression, Group):
        return all(words_needed(item, rules, wild) for item in expression.items)
    return False
