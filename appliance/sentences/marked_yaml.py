"""Reads YAML and remembers the line of every value; the only file that imports yaml."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import yaml

from appliance.errors import SentencesError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Path_ = tuple[Any, ...]
"""Keys and indices from the top of a document down to a value."""

MOST_VALUES = 300_000
"""Aliases can make a small file expand without end, so a document has no more values."""

MOST_LEVELS = 100
"""Of lists and mappings in each other. The C loader calls itself for each level, so that some ten
thousand of them would end the process."""

# The C loader reads a list of 20,000 values in a tenth of the time; not every build has it.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Document:
    """One YAML file: its value as dicts, lists and scalars, and the line of each."""

    def __init__(self, name: str, text: str) -> None:
        """Read `text`.

        Raises:
            SentencesError: it is not YAML; the message has the line.

        """
        self.name = name
        self._lines: dict[Path_, int] = {(): 1}
        self.repeated: list[tuple[Path_, int]] = []
        """Keys that a mapping has twice, and the line of the first, which is ignored."""
        _refuse_too_deep(name, text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            self.value: Any = None if node is None else self._construct(loader, node, (), ())
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            what = " ".join(filter(None, (error.context, error.problem)))
            raise SentencesError([f"{name}:{line}: not valid YAML: {what}"]) from None
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            what = str(error).splitlines()[0] if str(error) else "too many levels nested"
            raise SentencesError([f"{name}:1: not valid YAML: {what}"]) from None
        finally:
            loader.dispose()

    @classmethod
    def read(cls, path: Path, name: str) -> Document:
        """Read the file at `path`; SentencesError names it `name`."""
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise SentencesError([f"{name}:1: cannot be read: {error.strerror}"]) from error
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise SentencesError([f"{name}:{line}: not UTF-8 text; save it as UTF-8"]) from None
        return cls(name, text)

    @classmethod
    def of(cls, name: str, value: Any) -> Document:
        """Data that is not from a file; every value is on line 1."""
        document = cls(name, "")
        document.value = value
        return document

    def line(self, path: Path_) -> int:
        """Line of the value at `path`, or of the nearest one above it, counted from 1."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def place(self, path: Path_) -> str:
        """`file:line` of the value at `path`."""
        return f"{self.name}:{self.line(path)}"

    def _construct(self, loader: Any, node: Any, path: Path_, above: tuple[Any, ...]) -> Any:
        if node in above:
            raise ValueError("an alias refers to a value that contains it")
        if len(self._lines) > MOST_VALUES:
            raise ValueError(f"more than {MOST_VALUES:,} values")
        self._lines.setdefault(path, node.start_mark.line + 1)
        above = (*above, node)
        if isinstance(node, yaml.MappingNode):
            return dict(self._pairs(loader, node, path, above))
        if isinstance(node, yaml.SequenceNode):
            return [
                self._construct(loader, item, (*path, index), above)
                for index, item in enumerate(node.value)
            ]
        return loader.construct_object(node, deep=True)

    def _pairs(
        self, loader: Any, node: Any, path: Path_, above: tuple[Any, ...]
    ) -> Iterator[tuple[Any, Any]]:
        loader.flatten_mapping(node)
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                line = key_node.start_mark.line + 1
                message = f"a mapping or list is used as a key, on line {line}"
                raise ValueError(message)  # noqa: TRY004  (of the file, not of our code)
            here = (*path, key)
            if here in self._lines:
                self.repeated.append((here, self._lines[here]))
            self._lines[here] = key_node.start_mark.line + 1
            yield key, self._construct(loader, value_node, here, above)


def node_of(text: str) -> Any:
    """The tree of YAML nodes, each with the index of its first and last character; None if empty.

    `text` must be readable as a `Document`.

    Raises:
        SentencesError: this reader, which is stricter than that of `Document`, cannot read it.

    """
    loader = yaml.SafeLoader(text)  # the C loader counts bytes in some versions
    try:
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SentencesError([f"line {line}: {error.problem}; change it by hand"]) from None
    finally:
        loader.dispose()


def is_mapping(node: Any) -> bool:
    """Whether a node is a mapping; its `value` is a list of pairs of nodes."""
    return isinstance(node, yaml.MappingNode)


def is_list(node: Any) -> bool:
    """Whether a node is a list; its `value` is a list of nodes."""
    return isinstance(node, yaml.SequenceNode)


def end_of(node: Any) -> int:
    """The index behind a node's last character, without the comments that follow it."""
    if not isinstance(node, yaml.CollectionNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return end_of(last[1] if isinstance(last, tuple) else last)


def _refuse_too_deep(name: str, text: str) -> None:
    """Raise SentencesError with the line if a document has too many levels.

    The reader of the document reports other mistakes.
    """
    depth, loader = 0, _Loader(text)
    try:
        while loader.check_event():
            event = loader.get_event()
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MOST_LEVELS:
                line = event.start_mark.line + 1
                raise SentencesError([f"{name}:{line}: not valid YAML: too many levels nested"])
    except (yaml.YAMLError, ValueError, RecursionError):
        return
    finally:
        loader.dispose()
