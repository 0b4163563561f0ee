"""Edits sentence files for the page: checks an edit, saves it, and activates it at once."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from appliance.errors import SentencesError
from appliance.pipeline.pipeline_factory import read_sentences
from appliance.sentences.editable_sentences import EditableSentences
from appliance.sentences.sentence_fit import fit_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from appliance.devices.device_registry import DeviceRegistry
    from appliance.page.page_services import CurrentSettings
    from appliance.sentences.active_sentences import ActiveSentences
    from appliance.sentences.sentence_fit import SentenceFit
    from appliance.sentences.sentence_set import SentenceSet

IN_USE_S = 15.0
"""Seconds that a save waits until its sentences are active; a large set takes long on a small
board."""

POLL_S = 0.1

PLACE = re.compile(r"(?P<file>.+?\.ya?ml):(?P<line>\d+): (?P<what>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LocatedProblem:
    """A mistake, or what may be one."""

    file: str
    """Path relative to the folder; empty if the problem is not in a single file."""
    line: int
    """Line number; 0 if the problem is not in a line."""
    what: str


@dataclass(frozen=True, slots=True)
class CheckedEdit:
    """The sentences with an edit, checked."""

    problems: tuple[LocatedProblem, ...] = ()
    """Problems; with any, the edit cannot be used."""
    warnings: tuple[LocatedProblem, ...] = ()
    sentences: SentenceSet | None = None
    """The sentences; None if there are problems."""
    how_many: str = ""
    """Sentences, without the included ones."""
    intents: int = 0
    fit: SentenceFit | None = None
    """Meaning of the text that was tried."""


class SentenceEditor:
    """One check at a time: each may need much of the processor. For the HTTP server's loop."""

    def __init__(
        self,
        settings: CurrentSettings,
        active: ActiveSentences,
        devices: DeviceRegistry | None,
    ) -> None:
        self._settings = settings
        self._active = active
        self._devices = devices
        self._turn = asyncio.Lock()

    def files(self) -> EditableSentences:
        """The files that are in use now; its methods block."""
        config = self._settings.config
        return EditableSentences(
            config.sentence_folder,
            config.device.language,
            own_folder=config.page_sentence_folder,
            state_directory=config.state_directory,
        )

    @property
    def topic(self) -> str:
        """Below which an intent is published by its name."""
        return f"{self._settings.config.root}/intent"

    @property
    def active(self) -> SentenceSet:
        """The sentences that are in use."""
        return self._active.current

    async def check(self, name: str, text: str | None, tried: str = "") -> CheckedEdit:
        """Check the sentences with this text in a file, and find the meaning of `tried`.

        Raises:
            EditRefused: such a file is not possible.

        """
        async with self._turn:
            return await asyncio.to_thread(self._check, name, text, tried, None)

    async def check_values(self, values: Mapping[str, list[Any]], tried: str) -> CheckedEdit:
        """Check the sentences in use with other names of devices.

        What is compiled is kept for `use`.
        """
        async with self._turn:
            return await asyncio.to_thread(self._check_values, values, tried)

    async def use(self, checked: CheckedEdit) -> bool:
        """Have what was checked and is saved used at once; whether it is in use now."""
        assert checked.sentences is not None  # noqa: S101  (there is no problem)
        self._active.reload_asked.set()
        return await self._is_in_use(checked.sentences.fingerprint)

    async def save(self, name: str, text: str | None, digest: str) -> tuple[CheckedEdit, str, bool]:
        """Save a file whose sentences can be used: the check, its digest, and if it is in use now.

        A file with problems is not saved.

        Raises:
            EditRefused: it cannot be saved, and why.

        """
        async with self._turn:
            # What is compiled for the check is kept, and needs no second time in the reload.
            checked = await asyncio.to_thread(self._check, name, text, "", self._cache)
            if checked.sentences is None:
                return checked, digest, False
            digest = await asyncio.to_thread(self.files().save, name, text, digest)
        return checked, digest, await self.use(checked)

    async def _is_in_use(self, fingerprint: str) -> bool:
        end = time.monotonic() + IN_USE_S
        while time.monotonic() < end:
            if await asyncio.to_thread(_fingerprint, self._active.current) == fingerprint:
                return True
            await asyncio.sleep(POLL_S)
        return False

    @property
    def _cache(self) -> Path:
        return self._settings.config.state_directory / "grammars"

    def _check_values(self, values: Mapping[str, list[Any]], tried: str) -> CheckedEdit:
        folder = self._settings.config.sentence_folder
        try:
            return self._read(folder, tried, self._cache, values)
        except SentencesError as error:
            return CheckedEdit(problems=tuple(_located(error.problems, folder)))

    def _check(self, name: str, text: str | None, tried: str, cache: Path | None) -> CheckedEdit:
        values = None if self._devices is None else self._devices.lists()
        with self.files().edited(name, text) as folder:
            try:
                return self._read(folder, tried, cache, values)
            except SentencesError as error:
                return CheckedEdit(problems=tuple(_located(error.problems, folder)))

    def _read(
        self,
        folder: Path | None,
        tried: str,
        cache: Path | None,
        more: Mapping[str, list[Any]] | None,
    ) -> CheckedEdit:
        """Check like `appliance intents check` and `appliance intents test`."""
        config = self._settings.config
        language = config.device.language
        loaded = read_sentences(
            config,
            folder,
            language,
            included=config.sentences.included,
            cache=cache,
            more_values=more,
        )
        _ = loaded.grammar
        own = loaded
        if config.sentences.included:
            own = read_sentences(config, folder, language, included=False, more_values=more)
        return CheckedEdit(
            warnings=tuple(_located(loaded.warnings, folder)),
            sentences=loaded,
            how_many=own.how_many(),
            intents=len(own.intents.intents),
            fit=fit_of(loaded, tried) if tried else None,
        )


def _located(lines: tuple[str, ...], folder: Path | None) -> Iterator[LocatedProblem]:
    """`file:line: what`, with the file relative to the folder."""
    for line in lines:
        text = line
        if folder is not None:
            text = line.replace(f"{folder}/", "").replace(str(folder), ".")
        found = PLACE.fullmatch(text)
        if found is None:
            yield LocatedProblem("", 0, text)
        else:
            yield LocatedProblem(found["file"], int(found["line"]), found["what"])


def _fingerprint(sentences: SentenceSet) -> str:
    return sentences.fingerprint
