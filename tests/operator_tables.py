"""The two tables of docs/operator.md: every key, and every message that asks for an action.

`python tests/operator_tables.py` writes them anew; a test compares.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PAGE = REPOSITORY / "docs/operator.md"
PACKAGE = REPOSITORY / "appliance"

VERDICTS = {"error", "warning", "not_here"}
"""Answers of `appliance check`; the third argument says what to do."""

SHORTEST = 12
"""Characters; less is no sentence."""


def page(text: str) -> str:
    """The page with both tables made anew."""
    for name, table in (("keys", keys()), ("messages", messages())):
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n{table}\n{end}{after}"
    return text


def keys() -> str:
    """From config.toml: each key, its default, and what stands above it."""
    lines = (REPOSITORY / "config.toml").read_text("utf-8").splitlines()
    rows, section, said, fresh = ["| key | default | meaning |", "|---|---|---|"], "", "", False
    for line in lines:
        if line.startswith("["):
            section, said = line.strip("[]"), ""
        elif line.startswith("#"):
            said = f"{said} {line[1:].strip()}" if fresh else line[1:].strip()
            fresh = True
        elif "=" in line:
            key, _, default = line.partition(" = ")
            rows.append(f"| `{section}.{key}` | `{_cell(default)}` | {_cell(said)} |")
            fresh = False
        else:
            fresh = False
    return "\n".join(rows)


@functools.cache
def messages() -> str:
    """From the source: what errors and answers of `check` say, and what the owner does next."""
    found: dict[tuple[str, str], None] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                names = _assigned(function)
                for node in ast.walk(function):
                    if isinstance(node, ast.Call):
                        found |= dict.fromkeys(_of_call(node, names))
    rows = ["| message | what to do |", "|---|---|"]
    rows += [f"| {_cell(what)} | {_cell(then)} |" for what, then in sorted(found)]
    return "\n".join(rows)


def _assigned(function: ast.FunctionDef) -> list[ast.Assign]:
    """What a function gives a name, in order: messages are often put together before."""
    found = [node for node in ast.walk(function) if isinstance(node, ast.Assign)]
    return sorted(found, key=lambda node: node.lineno)


def _of_call(call: ast.Call, names: list[ast.Assign]) -> Iterator[tuple[str, str]]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in VERDICTS and len(call.args) == 3:
        what, then = (_text(_meant(each, names)) for each in call.args[1:])
        if what and then and len(then) >= SHORTEST:
            yield what, then
    elif name in _errors() and call.args:
        first = call.args[-1] if name == "RequestError" else call.args[0]
        if isinstance(first, ast.List) and first.elts:
            first = first.elts[0]
        what, semicolon, then = (_text(_meant(first, names)) or "").rpartition("; ")
        if semicolon and len(what) >= SHORTEST and re.search(r"\w{2}", then):
            yield what, then


def _meant(node: ast.expr, names: list[ast.Assign]) -> ast.expr:
    """What a name stands for where it is used: what it was given last."""
    if not isinstance(node, ast.Name):
        return node
    given = [
        one.value
        for one in names
        if one.lineno < node.lineno
        and isinstance(one.targets[0], ast.Name)
        and one.targets[0].id == node.id
    ]
    return given[-1] if given else node


@functools.cache
def _errors() -> set[str]:
    tree = ast.parse((PACKAGE / "errors.py").read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


def _text(node: ast.expr) -> str | None:
    """A literal, with … for what is only known when it happens."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
        return "".join(map(str, parts))
    return None


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("|", "\\|")).strip().replace("<", "&lt;")


def known_keys() -> set[str]:
    """Every key of config.toml as `section.key`."""
    tables = tomllib.loads((REPOSITORY / "config.toml").read_text("utf-8"))
    return {f"{section}.{key}" for section, table in tables.items() for key in table}


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
    sys.exit(0)
