"""Errors in a template, and the number of sentences that it allows."""

from pathlib import Path

import pytest
from hassil.intents import RangeSlotList, TextSlotList, WildcardSlotList

from appliance.sentences import template_check
from appliance.sentences.problems import Problems
from appliance.sentences.sentence_count import SentenceCounter, describe_count, evenly_spaced
from appliance.sentences.sentence_files import gather

ROOMS = TextSlotList.from_strings(["kitchen", "(hall|hallway)"], name="room")
NUMBER = RangeSlotList("number", 1, 100)
RULES = {"the": template_check.read("(the|my)")}


def counter() -> SentenceCounter:
    return SentenceCounter(
        "en", {"room": ROOMS, "number": NUMBER, "any": WildcardSlotList("any")}, RULES
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("turn [on", "'[' at character 6 has no closing ']'"),
        ("turn on)", "')' at character 8 has no opening '('"),
        ("turn (on] me", "']' at character 9 has no opening '['; ')' must come first"),
        ("turn {} on", "there is nothing between '{' and '}'"),
        ("   ", "the sentence is empty"),
        ("(" * 400 + "a" + ")" * 400, "more than 50 brackets nested"),
        ("go " * 400, "the sentence has 1,200 characters, more than 1,000; write several"),
        ("go" + " [x" * 51 + "]" * 51, "more than 50 brackets nested"),
    ],
)
def test_a_wrong_template_is_reported_with_its_error_and_position(
    text: str, complaint: str
) -> None:
    with pytest.raises(template_check.TemplateError) as error:
        template_check.read(text)
    assert complaint in str(error.value)


def test_a_template_that_is_too_long_is_an_error_at_its_line(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    start = "intents:\n  A:\n    data:\n      - sentences:\n        - go\n        - "
    file.write_text(start + "(a|b) " * 80_000)
    problems = Problems()
    gather(tmp_path, "en", problems)
    ((name, line, what),) = problems.errors
    assert (name, line) == (str(file), 6)
    assert "more than 1,000" in what


def test_an_escaped_bracket_is_a_character() -> None:
    assert template_check.read(r"smile \) please").text == r"smile \) please"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("turn on", 1),
        ("turn [on]", 2),
        ("(a|b|c) [d]", 6),
        ("<the> {room}", 6),
        ("(a;b;c)", 6),
        ("set {number}", 100),
        ("say {any}", 1),
    ],
)
def test_the_sentences_of_a_template_are_counted(text: str, count: int) -> None:
    assert counter().count(template_check.read(text).expression) == count


@pytest.mark.parametrize("text", ["(a|b) [c] <the> {room}", "(x;y;z) [w]", "{number} [times]"])
def test_every_index_picks_another_sentence(text: str) -> None:
    expression = template_check.read(text).expression
    sentences = counter()
    picked = {sentences.pick(expression, index) for index in range(sentences.count(expression))}
    assert len(picked) == sentences.count(expression)


def test_numbers_are_picked_as_words() -> None:
    expression = template_check.read("set {number}").expression
    assert counter().pick(expression, 20) == "set twenty-one"


def test_a_number_of_sentences_too_large_to_read_is_given_as_a_power_of_ten() -> None:
    rules = {"ten": template_check.read("(0|1|2|3|4|5|6|7|8|9)")}
    count = SentenceCounter("en", {}, rules).count(
        template_check.read(" ".join(["<ten>"] * 40)).expression
    )
    assert describe_count(count, endless=False) == "more than 10^40"
    assert describe_count(7 * 10**9000, endless=False) == "more than 10^9000"
    assert describe_count(1234, endless=False) == "1,234"
    assert describe_count(1, endless=True) == "endlessly many"


def test_evenly_spaced_indices_are_the_middles_of_equal_parts() -> None:
    assert evenly_spaced(100, 4) == [12, 37, 62, 87]
    assert evenly_spaced(3, 10) == [0, 1, 2]


def test_a_rule_that_calls_itself_is_found_with_the_way_back() -> None:
    uses = {
        "<a>": template_check.named(template_check.read("x <b> {d}")),
        "<b>": template_check.named(template_check.read("{c}")),
        "{c}": template_check.named(template_check.read("[<a>]")),
    }
    assert template_check.find_circle(uses, uses) == ["<a>", "<b>", "{c}", "<a>"]
    assert template_check.find_circle(uses, ["{c}"]) == ["{c}", "<a>", "<b>", "{c}"]
    through = {**uses, "<e>": ["<b>"]}
    assert template_check.find_circle(through, ["<e>", "{c}"]) == ["{c}", "<a>", "<b>", "{c}"]
    assert template_check.find_circle(uses, ["{d}"]) is None
    assert template_check.find_circle({**uses, "{c}": []}, uses) is None
