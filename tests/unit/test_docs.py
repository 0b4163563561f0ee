"""The documentation agrees with the code, and every link in it leads somewhere."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import get_type_hints

import pytest

from appliance.cli import COMMANDS, _parser
from appliance.messages.status_payloads import Health

REPOSITORY = Path(__file__).parents[2]
PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CHANGELOG.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
]
KEYS = {
    f"{section}.{key}"
    for section, table in tomllib.loads((REPOSITORY / "config.toml").read_text("utf-8")).items()
    for key in table
}
FIELDS_OF_HEALTH = {f"mqtt.{name}" for name in get_type_hints(Health)["mqtt"].__struct_fields__}
SECTIONS = {key.partition(".")[0] for key in KEYS}

every_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix()
)


@every_page
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    text = without_code(page.read_text("utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"https?:", link):
            name, _, anchor = link.partition("#")
            there = (page.parent / name).resolve() if name else page
            assert there.exists(), f"{link}: there is no such file"
            assert not anchor or anchor in anchors(there), f"{link}: there is no such heading"


@every_page
def test_every_command_exists_with_its_action_and_options(page: Path) -> None:
    text = page.read_text("utf-8")
    for line in re.findall(r"(?:^|[`/ ])appliance ([a-z][a-z-]*[^`\n|;]*)", code_of(text)):
        command, *words = re.sub(r"\s#.*", "", line).split()
        if command in ("checks", "home"):  # part of a sentence or a path, not a command
            continue
        assert command in COMMANDS, f"appliance {line}: there is no such command"
        parser = parser_of(command)
        actions = actions_of(parser)
        if actions and words and re.fullmatch("[a-z]+", words[0]):
            assert words[0] in actions, f"appliance {line}: there is no such action"
        for option in re.findall(r"(?<!\S)--[a-z-]+", " ".join(words)):
            assert option in options_of(parser), f"appliance {line}: there is no {option}"


@every_page
def test_every_key_that_the_page_names_exists(page: Path) -> None:
    spans = re.findall(r"`([a-z_]+\.[a-z_]+)(?: = [^`]*)?`", page.read_text("utf-8"))
    named = {
        span
        for span in spans
        if span.partition(".")[0] in SECTIONS and not span.endswith((".py", ".yaml"))
    }
    assert named - KEYS - FIELDS_OF_HEALTH == set()


@every_page
def test_every_file_that_is_named_exists(page: Path) -> None:
    tree = (REPOSITORY, REPOSITORY / "appliance", page.parent)
    spans = re.findall(
        r"`((?:[\w-]+/)+[\w.-]+\.(?:py|md|toml|json|jsonl))`", page.read_text("utf-8")
    )
    assert [name for name in spans if not any((root / name).exists() for root in tree)] == []


def test_the_generated_pages_are_up_to_date() -> None:
    checked = subprocess.run(
        [sys.executable, str(REPOSITORY / "script" / "docs"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.stdout, checked.returncode) == ("", 0), checked.stderr


def test_every_key_has_a_meaning() -> None:
    page = (REPOSITORY / "docs/reference/configuration.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z_.]+)` \| .* \| (.*) \|$", page, re.MULTILINE)
    assert {key for key, _ in rows} == KEYS
    assert [key for key, meaning in rows if len(meaning) <= 10] == []


def test_every_command_is_on_the_page_of_commands() -> None:
    page = (REPOSITORY / "docs/reference/commands.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"`appliance {name}" not in page] == []


def without_code(text: str) -> str:
    """A page without its code, in which brackets mean something else."""
    return re.sub(
        r"`[^`\n]*`", "", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    )


def code_of(text: str) -> str:
    """The code of a page only, a line for each piece."""
    blocks = re.findall(r"^```.*?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`]+)`", without_blocks(text))])


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


@cache
def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get."""
    text = without_blocks(page.read_text("utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@cache
def parser_of(command: str) -> argparse.ArgumentParser:
    return actions_of(_parser([command]))[command]


def actions_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices
    return {}


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    """The options of a command and of all its actions."""
    own = {option for action in parser._actions for option in action.option_strings}
    return own.union(*(options_of(one) for one in actions_of(parser).values()))
