"""Checks one sentence template, and says what it refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hassil.expression import (
    Expression,
    Group,
    ListReference,
    RuleReference,
    Sentence,
)
from hassil.parse_expression import parse_sentence
from hassil.parser import ParseError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

OPENING = {"(": ")", "[": "]", "{": "}", "<": ">"}
LONGEST = 1000
"""Characters of a template: the time to read one grows faster than its length."""
DEEPEST = 50
"""Brackets within brackets: every reader of a template recurses as deep."""

CLOSING = {closing: opening for opening, closing in OPENING.items()}


class TemplateError(Exception):
    """A template cannot be read; the message follows its file and line."""


def read(text: str) -> Sentence:
    """The template's tree.

    Raises:
        TemplateError: it is not a template.

    """
    if not text.strip():
        raise TemplateError("the sentence is empty")
    if len(text) > LONGEST:
        raise TemplateError(
            f"the sentence has {len(text):,} characters, more than {LONGEST:,}; "
            f"write several sentences, or put parts into rules: {_short(text)}"
        )
    _check_brackets(text)
    try:
        return parse_sentence(text, keep_text=True)
    except RecursionError:
        raise TemplateError(f"too many brackets nested: {_short(text)}") from None
    except (ParseError, AssertionError, ValueError) as error:
        raise TemplateError(f"not a sentence template: {_short(text)} ({error})") from None


def _check_brackets(text: str) -> None:
    """Say which bracket is wrong; hassil does not."""
    stack: list[tuple[str, int]] = []
    escaped = False
    for position, character in enumerate(text):
        if escaped or character == "\\":
            escaped = not escaped
        elif character in OPENING:
            stack.append((character, position))
            if len(stack) > DEEPEST:
                raise TemplateError(f"more than {DEEPEST} brackets nested: {_short(text)}")
        elif character in CLOSING:
            _close(text, stack, position)
    if stack:
        opened, at = stack[-1]
        raise TemplateError(
            f"{opened!r} at character {at + 1} has no closing {OPENING[opened]!r}: {_short(text)}"
        )


def _close(text: str, stack: list[tuple[str, int]], position: int) -> None:
    closing = text[position]
    if not stack or stack[-1][0] != CLOSING[closing]:
        expected = f"; {OPENING[stack[-1][0]]!r} must come first" if stack else ""
        opening = CLOSING[closing]
        raise TemplateError(
            f"{closing!r} at character {position + 1} has no opening {opening!r}{expected}: "
            f"{_short(text)}"
        )
    opened, at = stack.pop()
    if at + 1 == position:
        raise TemplateError(f"there is nothing between {opened!r} and {closing!r}: {_short(text)}")


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")  # noqa: PLR2004 (a line's worth)


def references(expression: Expression) -> Iterator[ListReference | RuleReference]:
    """Every list and rule that an expression names directly, in order."""
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
    """A rule or list that uses itself, and how: `[<a>, <b>, <a>]`; None if there is none.

    The search begins at `starts`; a circle that contains one of them begins with it.
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
