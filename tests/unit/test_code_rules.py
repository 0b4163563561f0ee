"""Rules of this code base that no linter knows."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tokenize
from collections import defaultdict
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "appliance"

EVERYWHERE = {"appliance", "msgspec", "numpy"}

SEVERAL = {
    "hassil": "sentences are its objects: read in one place, counted and compiled in others",
    "jinja2": "chat models, spoken responses, devices and the page: environments of their own",
    "rapidfuzz": "one function: the distance of two lists of words, or of sounds",
    "av": "recordings are decoded in a child process; sound is written where it was made",
    "starlette": "requests and responses are its objects, in every route of every site",
    "paho": "the daemon's link and the client for the other side are two programs",
}
"""Libraries that more than one file may import, with the reason."""


def imports_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names)


def test_each_third_party_library_is_imported_in_one_file() -> None:
    importers = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        for library in imports_of(path) - EVERYWHERE - SEVERAL.keys():
            importers[library].add(path.relative_to(PACKAGE).as_posix())
    assert {name: files for name, files in importers.items() if len(files) > 1} == {}


@pytest.mark.parametrize("folder", ["appliance", "tests"])
def test_each_class_name_stands_once(folder: str) -> None:
    places = defaultdict(list)
    for path in (REPOSITORY / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path.relative_to(REPOSITORY)}:{node.lineno}")
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


METAPHORS = {
    *("desk", "furnish", "furnished", "house", "mind", "neighbour", "neighbours", "office"),
    *("outlook", "patience", "person", "presence", "room", "rooms", "shelf", "suspect"),
    *("suspects", "talker", "workshop"),
}
"""Words that name no concept of the field; each had another name before a reader asked for it."""


def test_no_identifier_and_no_file_is_named_by_a_metaphor() -> None:
    found = set()
    for path in PACKAGE.rglob("*.py"):
        names = [path.stem]
        with tokenize.open(path) as source:
            tokens = tokenize.generate_tokens(source.readline)
            names += [token.string for token in tokens if token.type == tokenize.NAME]
        for name in names:
            words = {word.lower() for word in re.findall("[A-Z]?[a-z]+", name)}
            found |= {f"{path.relative_to(PACKAGE)}: {name}" for word in words & METAPHORS}
    assert found == set()


def test_every_module_says_in_its_first_line_what_it_is() -> None:
    silent = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert silent == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    empty_words = {"utils", "util", "helpers", "common", "misc", "manager", "handler"}
    assert [path.name for path in PACKAGE.rglob("*.py") if path.stem in empty_words] == []


def test_numpy_computes_in_the_thread_that_asks() -> None:
    program = (
        "import appliance.cli, numpy, os; numpy.ones((500, 500)) @ numpy.ones((500, 500)); "
        "print(len(os.listdir('/proc/self/task')))"
    )
    environment = {name: value for name, value in os.environ.items() if "THREADS" not in name}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"
