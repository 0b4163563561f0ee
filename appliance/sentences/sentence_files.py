"""Finds, reads, checks and merges the operator's sentence files."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from appliance.errors import SentencesError
from appliance.sentences.file_watch import files_below
from appliance.sentences.home_assistant_builtins import OWNER_LISTS, builtin_data
from appliance.sentences.list_check import check_list
from appliance.sentences.marked_yaml import Document
from appliance.sentences.problems import LocatedValue, check_text, mapping, shown, unknown_keys
from appliance.text.language_codes import family

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from appliance.sentences.marked_yaml import Path_
    from appliance.sentences.problems import Problems

DEVICES = "devices"
"""The name of the document that the devices on the broker make."""

FILE_KEYS = frozenset(
    {"expansion_rules", "intents", "language", "lists", "responses", "settings", "skip_words"}
)
INTENT_KEYS = frozenset(
    {"actions", "by_fuzzy", "by_model", "confirm", "data", "description", "never_by_voice"}
    | {"response"}
)
BLOCK_KEYS = frozenset(
    {"excludes_context", "expansion_rules", "inferred_domain", "lists", "metadata", "name_domains"}
    | {"required_keywords", "requires_context", "response", "sentences", "settings", "slots"}
)
BLOCK_MAPPINGS = (
    *("excludes_context", "expansion_rules", "lists", "metadata"),
    *("requires_context", "settings", "slots"),
)


@dataclass(frozen=True, slots=True)
class DeclaredStep:
    """One entry of an intent's `actions`, as it stands in the file."""

    content: Mapping[str, Any]
    place: str = field(default="", repr=False, compare=False)
    """`file:line`, for an error; a line that moves makes no other declaration."""


@dataclass(frozen=True, slots=True)
class DeclaredIntent:
    """The declarations of an intent besides its sentences."""

    name: str
    confirm: bool = False
    """The speaker must confirm it first."""
    never_by_voice: bool = False
    """It is refused if it was spoken; text may cause it."""
    by_fuzzy: bool = True
    """A text that is only similar to one of its sentences may cause it."""
    by_model: bool = True
    """The language model may choose it."""
    response: str | None = None
    """The response after it was understood; `{slot}` stands for a slot's value."""
    actions: tuple[DeclaredStep, ...] = ()
    """The actions of the appliance itself, in this order (`devices/declared_actions.py`)."""


@dataclass(slots=True)
class Gathered:
    """All files of a language, merged as Home Assistant does.

    Sentences of one intent in two files are merged, and so are the values of one text list. Of
    a rule declared twice the later file's counts (in the order of names). `confirm`,
    `never_by_voice` and `by_...: false` hold if any file says so.
    """

    language: str
    blocks: dict[str, list[LocatedValue]] = field(default_factory=dict)
    declared: dict[str, DeclaredIntent] = field(default_factory=dict)
    lists: dict[str, LocatedValue] = field(default_factory=dict)
    rules: dict[str, LocatedValue] = field(default_factory=dict)
    skip_words: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)


def folder_of_language(folder: Path, language: str) -> Path:
    """The subfolder of a language if there is one, otherwise the folder itself.

    The subfolder of `de-CH` is `de-CH` or, without one, `de`.
    """
    own = (folder / language, folder / family(language))
    return next((each for each in own if each.is_dir()), folder)


def find(folder: Path, language: str) -> list[Path]:
    """The YAML files of a language."""
    try:
        if not folder.is_dir():
            raise SentencesError([f"{folder}: folder does not exist; check sentences.folder"])
        searched = folder_of_language(folder, language)
        files = sorted(files_below(searched, on_error=_fail))
    except OSError as error:
        place = error.filename or folder
        raise SentencesError([f"{place}: cannot be read: {error.strerror}"]) from error
    if not files:
        raise SentencesError([f"{searched}: no .yaml file in this folder; add one with sentences"])
    return files


def _fail(error: OSError) -> None:
    """Raise: half of the sentences must not be loaded if a folder cannot be read."""
    raise error


def gather(folder: Path, language: str, problems: Problems) -> Gathered:
    """Read and merge all files; adds what is wrong with them to `problems`."""
    gathered = Gathered(language)
    for path in find(folder, language):
        name = str(path)
        try:
            document = Document.read(path, name)
        except SentencesError as error:
            place, _, what = error.problems[0].partition(": ")
            problems.errors.append((name, int(place.rpartition(":")[2]), what))
        else:
            _add_file(gathered, document, problems)
    return gathered


BUILTIN = "home-assistant-intents"
"""The name of Home Assistant's own sentences among the files."""


def add_builtin(gathered: Gathered, problems: Problems) -> None:
    """Add Home Assistant's own sentences.

    Their lists of areas, floors and names are the owner's. One that the owner does not declare is
    empty, so that only the sentences that need it cannot be said.
    """
    own = builtin_data(gathered.language)
    if not own.get("intents"):
        what = f"Home Assistant has no sentences in language {gathered.language}"
        raise SentencesError([f"{what}; set sentences.builtin to false"])
    document = Document.of(BUILTIN, own)
    for name in own["intents"]:
        gathered.declared.setdefault(name, DeclaredIntent(name))
        _add_blocks(gathered, document, name, problems)
    for name in OWNER_LISTS:
        gathered.lists.setdefault(name, LocatedValue(document, ("lists", name), {"values": []}))


def add_values(gathered: Gathered, more_values: Mapping[str, list[Any]]) -> None:
    """Add values to lists, for example the names of devices; the owner's own come first."""
    for name, values in more_values.items():
        known = gathered.lists.get(name)
        own = [] if known is None else known.value.get("values")
        if not isinstance(own, list):
            continue  # the owner made it a range or a wildcard
        document = Document.of(DEVICES, {"lists": {name: {"values": values}}})
        said = {_said(value).casefold() for value in own}
        merged = [*own, *(value for value in values if _said(value).casefold() not in said)]
        place = known or LocatedValue(document, ("lists", name), None)
        gathered.lists[name] = replace(place, value={"values": merged})


def _said(value: Any) -> str:
    return str(value.get("in") if isinstance(value, dict) else value)


def _add_file(gathered: Gathered, document: Document, problems: Problems) -> None:
    content = document.value
    if content is None:
        problems.warn(document, (), "the file is empty")
        return
    if not isinstance(content, dict):
        problems.error(
            document, (), "a sentence file must be a mapping that begins with `language:`"
        )
        return
    if not _is_of_language(content.get("language", gathered.language), gathered.language):
        given = content["language"]
        problems.warn(
            document,
            ("language",),
            f"file ignored: its language is {given!r}, not {gathered.language!r}",
        )
        return
    for path, first in document.repeated:
        problems.warn(document, path, f"{path[-1]!r} is given twice; line {first} is ignored")
    unknown_keys(document, (), FILE_KEYS, problems)
    _add_intents(gathered, document, problems)
    _add_lists(gathered, document, problems)
    _add_rules(gathered, document, problems)
    _add_skip_words(gathered, document, problems)
    gathered.settings |= mapping(document, ("settings",), problems)


def _is_of_language(given: Any, wanted: str) -> bool:
    """en-US and en_GB are en, too."""
    return family(str(given).replace("_", "-")) == family(wanted)


def _add_intents(gathered: Gathered, document: Document, problems: Problems) -> None:
    for name, intent in mapping(document, ("intents",), problems).items():
        path = ("intents", name)
        if not isinstance(name, str):
            problems.error(document, path, f"an intent's name must be text, not {shown(name)}")
        elif not isinstance(intent, dict):
            problems.error(document, path, f"intent {name} must be a mapping with `data:`")
        else:
            unknown_keys(document, path, INTENT_KEYS, problems)
            _declare(gathered, document, name, problems)
            _add_blocks(gathered, document, name, problems)


def _declare(gathered: Gathered, document: Document, name: str, problems: Problems) -> None:
    intent = document.value["intents"][name]
    earlier = gathered.declared.get(name, DeclaredIntent(name))
    flags = {"confirm": earlier.confirm, "never_by_voice": earlier.never_by_voice}
    for key, before in flags.items():
        value = intent.get(key, False)
        if not isinstance(value, bool):
            path = ("intents", name, key)
            problems.error(document, path, f"{key} must be true or false, not {value!r}")
        flags[key] = before or value is True
    for key, before in {"by_fuzzy": earlier.by_fuzzy, "by_model": earlier.by_model}.items():
        # What acts here must be allowed for guesses where it is declared.
        value = intent.get(key, "actions" not in intent)
        if not isinstance(value, bool):
            path = ("intents", name, key)
            problems.error(document, path, f"{key} must be true or false, not {value!r}")
        flags[key] = before and value is True
    response = intent.get("response")
    if response is not None and not isinstance(response, str):
        path = ("intents", name, "response")
        problems.error(document, path, f"response must be text, not {shown(response)}")
    if response and earlier.response and response != earlier.response:
        path = ("intents", name, "response")
        problems.warn(
            document, path, f"another file has a response for {name}, too; this one is used"
        )
    gathered.declared[name] = DeclaredIntent(
        name,
        **flags,
        response=response or earlier.response,
        actions=_steps(document, name, problems) or earlier.actions,
    )
    if "actions" in intent and earlier.actions:
        path = ("intents", name, "actions")
        problems.error(document, path, f"another file has actions for {name}, too; keep one")


def _steps(document: Document, name: str, problems: Problems) -> tuple[DeclaredStep, ...]:
    """The entries of `actions`; what each may have is checked by who carries them out."""
    path = ("intents", name, "actions")
    steps = document.value["intents"][name].get("actions", [])
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        what = "actions must be a list of mappings, each with `topic:` or `service:`"
        problems.error(document, path, what)
        return ()
    return tuple(
        DeclaredStep(step, document.place((*path, index))) for index, step in enumerate(steps)
    )


def _add_blocks(gathered: Gathered, document: Document, name: str, problems: Problems) -> None:
    path = ("intents", name, "data")
    data = document.value["intents"][name].get("data")
    if not isinstance(data, list) or not data:
        what = f"intent {name} must have `data:`, a list of blocks with `sentences:`"
        problems.error(document, path, what)
        return
    for index, block in enumerate(data):
        here = (*path, index)
        if not isinstance(block, dict):
            problems.error(document, here, f"a block of {name} must be a mapping with `sentences:`")
            continue
        unknown_keys(document, here, BLOCK_KEYS, problems)
        _check_block(document, here, block, problems)
        gathered.blocks.setdefault(name, []).append(LocatedValue(document, here, block))


def _check_block(
    document: Document, path: Path_, block: dict[str, Any], problems: Problems
) -> None:
    sentences = block.get("sentences")
    if not isinstance(sentences, list) or not sentences:
        problems.error(document, (*path, "sentences"), "`sentences:` must be a list of sentences")
    else:
        for index, sentence in enumerate(sentences):
            check_text(document, (*path, "sentences", index), sentence, problems)
    for key in BLOCK_MAPPINGS:
        mapping(document, (*path, key), problems)
    for key in ("name_domains", "required_keywords"):
        if not isinstance(block.get(key, []), list):
            problems.error(document, (*path, key), f"{key} must be a list of words")
    for name, body in mapping(document, (*path, "expansion_rules"), problems).items():
        check_text(document, (*path, "expansion_rules", name), body, problems)
    for name, body in mapping(document, (*path, "lists"), problems).items():
        check_list(LocatedValue(document, (*path, "lists", name), body), name, problems)


def _add_lists(gathered: Gathered, document: Document, problems: Problems) -> None:
    for name, value in mapping(document, ("lists",), problems).items():
        placed = LocatedValue(document, ("lists", name), value)
        if not check_list(placed, str(name), problems):
            # It exists, though unusable: it must not be reported as missing, too.
            gathered.lists.setdefault(name, LocatedValue(document, placed.path, {}))
            continue
        before = gathered.lists.get(name)
        if before is None or not before.value:
            gathered.lists[name] = placed
        elif "values" in value and "values" in before.value:
            values = [*before.value["values"], *value["values"]]
            gathered.lists[name] = LocatedValue(before.document, before.path, {"values": values})
        elif value != before.value:
            place = before.document.place(before.path)
            what = f"list {{{name}}} differs from the one at {place}; only `values:` are merged"
            problems.error(document, placed.path, what)


def _add_rules(gathered: Gathered, document: Document, problems: Problems) -> None:
    for name, body in mapping(document, ("expansion_rules",), problems).items():
        path = ("expansion_rules", name)
        sound = check_text(document, path, body, problems)
        before = gathered.rules.get(name)
        if sound and before is not None and before.value != body:
            place = before.document.place(before.path)
            problems.warn(document, path, f"rule <{name}> replaces the one at {place}")
        gathered.rules[name] = LocatedValue(document, path, body)


def _add_skip_words(gathered: Gathered, document: Document, problems: Problems) -> None:
    words = document.value.get("skip_words") or []
    if not isinstance(words, list):
        problems.error(document, ("skip_words",), "skip_words must be a list of words")
        return
    for index, word in enumerate(words):
        if isinstance(word, str) and word.strip():
            gathered.skip_words.append(word)
        else:
            path = ("skip_words", index)
            problems.error(document, path, f"a skip word must be text, not {shown(word)}")
