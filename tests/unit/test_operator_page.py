"""docs/operator.md says what config.toml and the source say."""

from __future__ import annotations

import re

from operator_tables import PAGE, REPOSITORY, keys, known_keys, messages, page


def test_the_page_s_tables_are_those_of_today() -> None:
    text = PAGE.read_text("utf-8")
    assert page(text) == text, "run: python tests/operator_tables.py"


def test_every_key_stands_in_the_table_with_a_meaning() -> None:
    rows = [line.split(" | ") for line in keys().splitlines()[2:]]
    assert {row[0].strip("| `") for row in rows} == known_keys()
    assert all(len(row[2]) > 10 for row in rows)


def test_every_message_in_the_table_says_what_to_do() -> None:
    rows = messages().splitlines()[2:]
    assert len(rows) > 30
    assert all(len(row.split(" | ")[1]) > 3 for row in rows)


def test_every_file_and_command_that_the_page_names_is_there() -> None:
    text = PAGE.read_text("utf-8")
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert link.startswith("http") or (PAGE.parent / link).exists(), link
    text = text.partition("<!-- keys -->")[0]
    commands = (REPOSITORY / "appliance/cli.py").read_text("utf-8")
    for command in set(re.findall(r"`(?:sudo )?appliance ([a-z-]+)", text)):
        assert f'"{command}": ' in commands, command
