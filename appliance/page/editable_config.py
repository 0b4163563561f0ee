"""The owner's settings for an editor: config.toml, or the file beside it; changed key by key."""

from __future__ import annotations

import hashlib
import os
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import tomlkit
from tomlkit.exceptions import TOMLKitError

from appliance import doctor, saved_settings
from appliance.config import SECRETS, Config, parse, saved_in_force, with_saved
from appliance.doctor.check_result import CheckVerdict
from appliance.errors import UNREADABLE_TOML, ConfigError, EditRefused
from appliance.models.speech_model_choice import with_usable_model
from appliance.reference.described_settings import shipped_sections
from appliance.system import atomic_file
from appliance.system.kept_versions import KeptVersions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from appliance.reference.described_settings import DescribedSection
    from appliance.system.kept_versions import KeptVersion

VERSIONS = "config-versions"
"""Folder in the state directory; only the appliance's user can read it."""

ASKED = (*doctor.CONFIGURED, "offline")
"""Checks before a save: configured files and models, and network connections."""


BAD = frozenset({CheckVerdict.ERROR, CheckVerdict.WARNING})

BY_HAND = {
    "language_model.facts": (
        "answers repeat lines of the file that is named here, so it is set on the board only: in "
        "config.toml, as facts under [language_model]"
    ),
    "mqtt.password_file": (
        "the first line of the file that is named here is sent to the broker, so it is set on the "
        "board only: in config.toml, as password_file under [mqtt]"
    ),
}
"""Keys that the page does not set, and why."""


@dataclass(frozen=True, slots=True)
class SettingField:
    """One key for a form."""

    section: str
    key: str
    comment: str
    default: str
    """Default as TOML."""
    kind: Literal["yes_no", "choice", "text", "number", "toml", "secret"]
    choices: tuple[str, ...]
    value: str
    """Value as it is typed: the words of a text, otherwise TOML; empty for a secret."""
    is_set: bool
    """Whether config.toml or the file beside it has the key."""
    is_saved: bool
    """Whether the file beside it has the key."""
    why_by_hand: str
    """Why the page does not set it, and what to do; empty if it does."""

    @property
    def name(self) -> str:
        """Name in a form."""
        return f"{self.section}.{self.key}"

    @property
    def has_lines(self) -> bool:
        """Whether the value has line breaks, which a field of one line would remove."""
        return self.kind == "text" and "\n" in _plain_lines(self.value)


@dataclass(frozen=True, slots=True)
class ChangedConfig:
    """The text of a config.toml with changes, and what is to be said about it."""

    text: str
    changed: tuple[tuple[str, str], ...] = ()
    """Key and new value as TOML; a secret's is not shown."""
    problems: tuple[str, ...] = ()
    """Problems; with any, it is not saved."""
    warnings: tuple[str, ...] = ()
    before: Config | None = None
    after: Config | None = None
    """The new configuration; None if there are problems in the file itself."""


class EditableConfig:
    """One file. Its methods block; one caller at a time.

    That is config.toml if the appliance may write it, otherwise the file of `saved_settings`
    beside it, if `page.save_settings` allows that.
    """

    def __init__(self, path: Path, state_directory: Path, *, beside: bool = False) -> None:
        """`beside` True is for that file, whether config.toml can be written or not."""
        self._owners = path
        self._saved = saved_settings.file_of(state_directory)
        self._only_beside = beside
        self._versions = KeptVersions(state_directory / VERSIONS)

    @property
    def path(self) -> Path:
        """Path of the file."""
        return self._saved if self.is_beside else self._owners

    @property
    def is_beside(self) -> bool:
        """Whether it is the file beside config.toml."""
        return self._only_beside or (bool(self._why_not_the_owners()) and self._may_save_beside())

    def saved_names(self) -> tuple[str, ...]:
        """The keys that count from the file beside config.toml."""
        try:
            return saved_in_force(self._owners).names
        except (OSError, ConfigError):
            return ()

    def sections(self) -> list[DescribedSection]:
        """Every table with its explanation."""
        return shipped_sections()

    def why_read_only(self) -> str:
        """Why nothing can be saved; empty if it can."""
        if not (why := self._why_not_the_owners()) or self.is_beside:
            return ""
        return f"{why}, and page.save_settings in it allows no other file"

    def _why_not_the_owners(self) -> str:
        path = self._owners
        if path.is_symlink():
            return f"{path} is a link; change the file that it points to"
        if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
            return f"the appliance may not write {path}"
        return ""

    def _may_save_beside(self) -> bool:
        try:
            return (
                not self._owners.is_symlink() and parse(self._text_of_owners()).page.save_settings
            )
        except (EditRefused, ConfigError):
            return False

    def read(self) -> tuple[str, str]:
        """Text and digest; empty if the file beside config.toml is not there yet.

        Raises:
            EditRefused: it cannot be read.

        """
        path = self.path
        content = b"" if self.is_beside and not path.exists() else _content_of(path)
        try:
            return content.decode("utf-8-sig"), hashlib.sha256(content).hexdigest()
        except UnicodeDecodeError as error:
            raise EditRefused(f"{path} cannot be read: {error}") from error

    def _text_of_owners(self) -> str:
        try:
            return _content_of(self._owners).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise EditRefused(f"{self._owners} cannot be read: {error}") from error

    def _config_of(self, text: str) -> Config:
        """The configuration with this text in the file."""
        return with_saved(self._text_of_owners(), text) if self.is_beside else parse(text)

    def fields(self, section: DescribedSection, text: str) -> list[SettingField]:
        """The keys of a table, with their values in this text.

        Raises:
            EditRefused: the text is no configuration.

        """
        try:
            config = self._config_of(text)
        except ConfigError as error:
            next_step = "change it by hand, or put back the file before the last save"
            raise EditRefused(f"{self.path}: {error}; {next_step}") from error
        values: dict[str, Any] = msgspec.to_builtins(getattr(config, section.name))
        beside = self.is_beside
        saved = tomllib.loads(text).get(section.name, {}) if beside else {}
        written = tomllib.loads(self._text_of_owners() if beside else text).get(section.name, {})
        hints = get_type_hints(type(getattr(Config(), section.name)), include_extras=True)
        fields = []
        for one in section.keys:
            kind, choices = _kind_of(section.name, one.key, hints[one.key])
            value = "" if kind == "secret" else _typed(values[one.key], kind)
            fields.append(
                SettingField(
                    section.name,
                    one.key,
                    one.comment,
                    one.default,
                    kind,
                    choices,
                    value,
                    is_set=one.key in written or one.key in saved,
                    is_saved=one.key in saved,
                    why_by_hand=self._why_by_hand(f"{section.name}.{one.key}"),
                )
            )
        return fields

    def _why_by_hand(self, name: str) -> str:
        if self.is_beside and not saved_settings.may_be_saved(name):
            return f"only in {self._owners}"
        return BY_HAND.get(name, "")

    def without(self, name: str) -> ChangedConfig:
        """The file beside config.toml without a key, which then has its value there.

        Raises:
            EditRefused: it does not have the key.

        """
        text, _ = self.read()
        document: Any = _document(self.path, text)
        section, _, key = name.partition(".")
        if not self.is_beside or key not in document.get(section, {}):
            raise EditRefused(f"{name} was not saved on the page")
        del document[section][key]
        if not document[section]:
            del document[section]
        return self._checked(text, tomlkit.dumps(document), ((name, ""),), [])

    def changed(self, fields: list[SettingField], typed: Mapping[str, str]) -> ChangedConfig:
        """The file with what was typed; what is as it was stays untouched, and so does the rest."""
        text, _ = self.read()
        document = _document(self.path, text)
        changed, problems = [], []
        for field in fields:
            given = typed.get(field.name)
            if given is None or _plain_lines(given) == _plain_lines(field.value):
                continue
            if field.why_by_hand:
                problems.append(f"{field.name}: {field.why_by_hand}")
                continue
            try:
                value = _value(field, _plain_lines(given))
                _set(document, field, value)
            except UNREADABLE_TOML as error:
                problems.append(f"{field.name}: {error}")
                continue
            hidden = field.kind == "secret"
            shown = "" if value is None or hidden else _toml(value)
            changed.append((field.name, shown))
        return self._checked(text, tomlkit.dumps(document), tuple(changed), problems)

    def restored(self, version: KeptVersion) -> ChangedConfig:
        """An earlier version of the file, as a change, also if the present one is broken."""
        text, _ = self.read()
        wanted = (version.content or b"").decode(errors="replace")
        try:
            self._config_of(wanted)
        except ConfigError as error:
            problems = tuple(f"the earlier {self.path}: {one}" for one in error.problems)
            return ChangedConfig(wanted, problems=problems)
        return self._checked(text, wanted, (), [])

    def save(self, text: str, digest: str) -> str:
        """Write the file, whose digest was this; its new digest. What it held is kept.

        Raises:
            EditRefused: it cannot be saved, and why.

        """
        if why := self.why_read_only():
            raise EditRefused(why)
        path = self.path
        before, now = self.read()
        if digest != now:
            raise EditRefused(f"{path} has been changed elsewhere; open this page again")
        try:
            self._versions.keep(str(path), before.encode())
            atomic_file.rewrite(path, text.encode())
        except OSError as error:
            raise EditRefused(f"{path} cannot be saved: {error.strerror}") from error
        return hashlib.sha256(text.encode()).hexdigest()

    def versions(self) -> list[KeptVersion]:
        """Earlier contents of the file, the newest first."""
        return self._versions.of(str(self.path))

    def _checked(
        self, before: str, text: str, changed: tuple[tuple[str, str], ...], problems: list[str]
    ) -> ChangedConfig:
        """Check like `appliance config check` and `appliance check`; old mistakes do not count."""
        try:
            new = self._config_of(text)
        except ConfigError as error:
            return ChangedConfig(text, changed, (*problems, *error.problems))
        try:
            old = self._config_of(before)
        except ConfigError:
            found = [one for verdict, one in self._answers(new, [*ASKED]) if verdict in BAD]
            return ChangedConfig(text, changed, tuple(problems), tuple(found), None, new)
        if text == before or problems:
            return ChangedConfig(text, changed, tuple(problems), (), old, new)
        same = (old.device, old.sentences, old.devices) == (new.device, new.sentences, new.devices)
        asked = [one for one in ASKED if one != "sentences" or not same]
        answers = [one for one in self._answers(new, asked) if one[0] in BAD]
        known = set(self._answers(old, asked)) if answers else set()
        fresh = [one for one in answers if one not in known]
        wrong = [found for verdict, found in fresh if verdict is CheckVerdict.ERROR]
        odd = [found for verdict, found in fresh if verdict is CheckVerdict.WARNING]
        return ChangedConfig(text, changed, (*problems, *wrong), tuple(odd), old, new)

    def _answers(self, config: Config, asked: list[str]) -> Iterator[tuple[CheckVerdict, str]]:
        try:
            context = doctor.context_of(with_usable_model(config), self._owners)
        except ConfigError as error:
            yield from ((CheckVerdict.ERROR, one) for one in error.problems)
            return
        for one in doctor.examine(context, asked):
            yield one.verdict, f"{one.found}; {one.advice}" if one.advice else one.found


def _content_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EditRefused(f"{path} cannot be read: {error}") from error


def _document(path: Path, text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise EditRefused(f"{path}: {error}; change it by hand") from error


def _kind_of(section: str, key: str, hint: Any) -> tuple[Any, tuple[str, ...]]:
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if (section, key) in SECRETS:
        return "secret", ()
    if get_origin(hint) is Literal:
        return "choice", tuple(map(str, get_args(hint)))
    kinds: dict[Any, str] = {bool: "yes_no", str: "text", int: "number", float: "number"}
    return kinds.get(hint, "toml"), ()


def _plain_lines(text: str) -> str:
    """The text with line feeds only; forms send other line ends than the file has."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _typed(value: Any, kind: str) -> str:
    return str(value) if kind in ("text", "choice") else _toml(value)


def _toml(value: Any) -> str:
    """A value on one line."""
    return str(tomlkit.item(_inline(value)).as_string())


def _inline(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    table = tomlkit.inline_table()
    table.update(value)
    return table


def _value(field: SettingField, given: str) -> Any:
    """The typed text as a value; None for the default.

    Raises:
        ValueError: it is not TOML.

    """
    if "\0" in given:
        raise ValueError("must not contain a null character")
    if field.kind == "text":
        return given
    if not given.strip():
        return None
    if field.kind in ("choice", "secret"):
        return given.strip()
    try:
        read = tomlkit.parse(f"value = {given.strip()}")
    except TOMLKitError as error:
        raise ValueError(f"{given.strip()!r} is not written as TOML") from error
    if read.keys() != {"value"} or "\n" in given.strip():
        raise ValueError("write one value on one line")
    return read.unwrap()["value"]


def _set(document: tomlkit.TOMLDocument, field: SettingField, value: Any) -> None:
    if field.section not in document:
        document.add(field.section, tomlkit.table())
    table: Any = document[field.section]
    if value is not None:
        table[field.key] = _inline(value)
    elif field.key in table:
        del table[field.key]
