"""The operator's sentence files: found, read, their form checked, and put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from appliance.errors import SentencesError
from appliance.sentences.file_watch import files_below
from appliance.sentences.home_assistant_words import OWNERS_OWN, own_data
from appliance.sentences.list_schema import check_list
from appliance.sentences.marked_yaml import Document
from appliance.sentences.problems import LocatedProblem, check_text, mapping, unknown_keys

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.sentences.marked_yaml import Path_
    from appliance.sentences.problems import Problems

FILE_KEYS = frozenset(
    {"expansion_rules", "intents", "language", "lists", "responses", "settings", "skip_words"}
)
INTENT_KEYS = frozenset(
    {"by_fuzzy", "by_model", "confirm", "data", "description", "never_by_voice", "response"}
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
class DeclaredIntent:
    """What an intent declares beside its sentences."""

    name: str
    confirm: bool = False
    """Whoever acts on it shall have it confirmed first."""
    never_by_voice: bool = False
    """It is refused when it was said; text may cause it."""
    by_fuzzy: bool = True
    """Words that are only near to one of its sentences may cause it."""
    by_model: bool = True
    """The language model may choose it."""
    response: str | None = None
    """What to say when it was understood; `{slot}` stands for a slot's value."""


@dataclass(slots=True)
class Gathered:
    """All files of a language, put together as Home Assistant does.

    Sentences of one intent in two files add up; so do the values of one text list. A rule
    declared twice is the later file's (in the order of names); `confirm`,
    `never_by_voice` and `by_...: false` hold as soon as one file asks for them.
    """

    language: str
    blocks: dict[str, list[LocatedProblem]] = field(default_factory=dict)
    declared: dict[str, DeclaredIntent] = field(default_factory=dict)
    lists: dict[str, LocatedProblem] = field(default_factory=dict)
    rules: dict[str, LocatedProblem] = field(default_factory=dict)
    skip_words: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)


def find(folder: Path, language: str) -> list[Path]:
    """The YAML files of a language: of its subfolder where there is one, else of the folder."""
    try:
        if not folder.is_dir():
            raise SentencesError([f"{folder}: there is no such folder; see sentences.folder"])
        of_language = folder / language
        searched = of_language if of_language.is_dir() else folder
        files = sorted(files_below(searched, on_error=_fail))
    except OSError as error:
        place = error.filename or folder
        raise SentencesError([f"{place}: cannot be read: {error.strerror}"]) from error
    if not files:
        raise SentencesError([f"{searched}: there is no .yaml file in it, so nothing may be said"])
    return files


def _fail(error: OSError) -> None:
    """A folder in it that cannot be read is an error: half a house is none."""
    raise error


def gather(folder: Path, language: str, findings: Problems) -> Gathered:
    """Read and put together all files; what is wrong with them goes into `findings`."""
    gathered = Gathered(language)
    for path in find(folder, language):
        name = str(path)
        try:
            document = Document.read(path, name)
        except SentencesError as error:
            place, _, what = error.problems[0].partition(": ")
            findings.errors.append((name, int(place.rpartition(":")[2]), what))
        else:
            _add_file(gathered, document, findings)
    return gathered


BUILTIN = "home-assistant-intents"
"""The name of Home Assistant's own sentences among the files."""


def add_builtin(gathered: Gathered, findings: Problems) -> None:
    """Add Home Assistant's own sentences; of the owner's things, only those that are listed.

    An area, floor or name list that the owner does not give is empty, so that the sentences
    which need one cannot be said, and all others can.
    """
    own = own_data(gathered.language)
    if not own.get("intents"):
        what = f"Home Assistant has no sentences in language {gathered.language}"
        raise SentencesError([f"{what}; set sentences.builtin to false"])
    document = Document.of(BUILTIN, own)
    for name in own["intents"]:
        gathered.declared.setdefault(name, DeclaredIntent(name))
        _add_blocks(gathered, document, name, findings)
    for name in OWNERS_OWN:
        gathered.lists.setdefault(name, LocatedProblem(document, ("lists", name), {"values": []}))


def _add_file(gathered: Gathered, document: Document, findings: Problems) -> None:
    content = document.value
    if content is None:
        findings.warn(document, (), "the file is empty")
        return
    if not isinstance(content, dict):
        findings.error(document, (), "a sentence file is a mapping; it begins with `language:`")
        return
    if not _is_of_language(content.get("language", gathered.language), gathered.language):
        given = content["language"]
        findings.warn(
            document, ("language",), f"left out: it is {given!r}, not {gathered.language!r}"
        )
        return
    for path, first in document.repeated:
        findings.warn(document, path, f"{path[-1]!r} is given twice; line {first} is lost")
    unknown_keys(document, (), FILE_KEYS, findings)
    _add_intents(gathered, document, findings)
    _add_lists(gathered, document, findings)
    _add_rules(gathered, document, findings)
    _add_skip_words(gathered, document, findings)
    gathered.settings |= mapping(document, ("settings",), findings)


def _is_of_language(given: Any, wanted: str) -> bool:
    """en-US and en_GB are en, too."""
    family = str(given).replace("_", "-").partition("-")[0]
    return family == wanted.partition("-")[0]


def _add_intents(gathered: Gathered, document: Document, findings: Problems) -> None:
    for name, intent in mapping(document, ("intents",), findings).items():
        path = ("intents", name)
        if not isinstance(name, str):
            findings.error(document, path, f"an intent's name is text, not {name!r}; quote it")
        elif not isinstance(intent, dict):
            findings.error(document, path, f"intent {name} is a mapping with `data:`")
        else:
            unknown_keys(document, path, INTENT_KEYS, findings)
            _declare(gathered, document, name, findings)
            _add_blocks(gathered, document, name, findings)


def _declare(gathered: Gathered, document: Document, name: str, findings: Problems) -> None:
    intent = document.value["intents"][name]
    so_far = gathered.declared.get(name, DeclaredIntent(name))
    flags = {"confirm": so_far.confirm, "never_by_voice": so_far.never_by_voice}
    for key, before in flags.items():
        value = intent.get(key, False)
        if not isinstance(value, bool):
            path = ("intents", name, key)
            findings.error(document, path, f"{key} is true or false, not {value!r}")
        flags[key] = before or value is True
    for key, before in {"by_fuzzy": so_far.by_fuzzy, "by_model": so_far.by_model}.items():
        value = intent.get(key, True)
        if not isinstance(value, bool):
            path = ("intents", name, key)
            findings.error(document, path, f"{key} is true or false, not {value!r}")
        flags[key] = before and value is True
    response = intent.get("response")
    if response is not None and not isinstance(response, str):
        path = ("intents", name, "response")
        findings.error(document, path, f"response is text, not {response!r}")
    if response and so_far.response and response != so_far.response:
        path = ("intents", name, "response")
        findings.warn(document, path, f"{name} has a response in another file; this one holds")
    gathered.declared[name] = DeclaredIntent(name, **flags, response=response or so_far.response)


def _add_blocks(gathered: Gathered, document: Document, name: str, findings: Problems) -> None:
    path = ("intents", name, "data")
    data = document.value["intents"][name].get("data")
    if not isinstance(data, list) or not data:
        what = f"intent {name} needs `data:`, a list of blocks with `sentences:`"
        findings.error(document, path, what)
        return
    for index, block in enumerate(data):
        here = (*path, index)
        if not isinstance(block, dict):
            findings.error(document, here, f"a block of {name} is a mapping with `sentences:`")
            continue
        unknown_keys(document, here, BLOCK_KEYS, findings)
        _check_block(document, here, block, findings)
        gathered.blocks.setdefault(name, []).append(LocatedProblem(document, here, block))


def _check_block(
    document: Document, path: Path_, block: dict[str, Any], findings: Problems
) -> None:
    sentences = block.get("sentences")
    if not isinstance(sentences, list) or not sentences:
        findings.error(document, (*path, "sentences"), "`sentences:` is a list of sentences")
    else:
        for index, sentence in enumerate(sentences):
            check_text(document, (*path, "sentences", index), sentence, findings)
    for key in BLOCK_MAPPINGS:
        mapping(document, (*path, key), findings)
    for key in ("name_domains", "required_keywords"):
        if not isinstance(block.get(key, []), list):
            findings.error(document, (*path, key), f"{key} is a list of words")
    for name, body in mapping(document, (*path, "expansion_rules"), findings).items():
        check_text(document, (*path, "expansion_rules", name), body, findings)
    for name, body in mapping(document, (*path, "lists"), findings).items():
        check_list(LocatedProblem(document, (*path, "lists", name), body), name, findings)


def _add_lists(gathered: Gathered, document: Document, findings: Problems) -> None:
    for name, value in mapping(document, ("lists",), findings).items():
        placed = LocatedProblem(document, ("lists", name), value)
        if not check_list(placed, str(name), findings):
            # It is there, if not usable: that it is missing must not be told as well.
            gathered.lists.setdefault(name, LocatedProblem(document, placed.path, {}))
            continue
        before = gathered.lists.get(name)
        if before is None or not before.value:
            gathered.lists[name] = placed
        elif "values" in value and "values" in before.value:
            values = [*before.value["values"], *value["values"]]
            gathered.lists[name] = LocatedProblem(before.document, before.path, {"values": values})
        elif value != before.value:
            place = before.document.place(before.path)
            what = f"list {{{name}}} is declared otherwise at {place}; only values add up"
            findings.error(document, placed.path, what)


def _add_rules(gathered: Gathered, document: Document, findings: Problems) -> None:
    for name, body in mapping(document, ("expansion_rules",), findings).items():
        path = ("expansion_rules", name)
        sound = check_text(document, path, body, findings)
        before = gathered.rules.get(name)
        if sound and before is not None and before.value != body:
            place = before.document.place(before.path)
            findings.warn(document, path, f"rule <{name}> replaces the one at {place}")
        gathered.rules[name] = LocatedProblem(document, path, body)


def _add_skip_words(gathered: Gathered, document: Document, findings: Problems) -> None:
    words = document.value.get("skip_words") or []
    if not isinstance(words, list):
        findings.error(document, ("skip_words",), "skip_words is a list of words")
        return
    for index, word in enumerate(words):
        if isinstance(word, str) and word.strip():
            gathered.skip_words.append(word)
        else:
            path = ("skip_words", index)
            findings.error(document, path, f"a skip word is text, not {word!r}; quote it")
