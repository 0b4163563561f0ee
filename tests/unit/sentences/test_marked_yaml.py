"""YAML that remembers lines."""

import pytest

from appliance.errors import SentencesError
from appliance.sentences.marked_yaml import Document


def problem(text: str) -> str:
    with pytest.raises(SentencesError) as error:
        Document("a.yaml", text)
    return error.value.problems[0]


def test_every_value_knows_its_line() -> None:
    document = Document("a.yaml", "a:\n  - x\n  - y: 1\n    z: [2,\n        3]\n")
    assert document.value == {"a": ["x", {"y": 1, "z": [2, 3]}]}
    assert document.line(("a", 0)) == 2
    assert document.line(("a", 1, "z")) == 4
    assert document.line(("a", 1, "z", 1)) == 5
    assert document.place(("a", 1, "not there")) == "a.yaml:3"


def test_a_key_given_twice_is_noted_with_both_lines() -> None:
    document = Document("a.yaml", "a: 1\nb: 2\na: 3\n")
    assert document.repeated == [(("a",), 1)]
    assert document.line(("a",)) == 3


def test_a_file_that_is_not_yaml_is_reported_with_its_line() -> None:
    assert problem("a:\n  - b\n c: [\n").startswith("a.yaml:3: not valid YAML")


def test_a_tag_of_another_program_is_told() -> None:
    assert "could not determine a constructor for the tag '!include'" in problem("a: !include b")


def test_an_alias_of_itself_does_not_hang() -> None:
    assert "alias" in problem("a: &a\n  b: *a\n")


def test_aliases_that_multiply_without_end_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "more than" in problem("\n".join(lines))


def test_an_alias_used_twice_is_the_same_value_twice() -> None:
    assert Document("a.yaml", "a: &x [1]\nb: *x\n").value == {"a": [1], "b": [1]}


@pytest.mark.parametrize("key", ["{a: b}", "[a]", "? {a: 1}\n"])
def test_a_mapping_or_list_as_a_key_is_reported_with_its_line(key: str) -> None:
    assert "used as a key, on line 2" in problem(f"c: 1\n{key}: d\n")


@pytest.mark.parametrize("opened", ["[", "- ", "{a: ", "? "])
def test_levels_without_end_are_refused_with_their_line_and_do_not_end_the_process(
    opened: str,
) -> None:
    assert problem("# first\n" + opened * 50_000) == (
        "a.yaml:2: not valid YAML: too many levels nested"
    )


def test_as_many_levels_as_anybody_needs_are_read() -> None:
    assert Document("a.yaml", "[" * 50 + "]" * 50).value != []
