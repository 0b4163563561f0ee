"""Teach: what was not understood is given a meaning, by a sentence that is understood."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.errors import EditRefused
from appliance.page.access import Role
from appliance.page.page_view import PageRoute
from appliance.sentences.sentence_fit import fit_of
from appliance.sentences.taught_sentence import FILE, template_of, with_sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from appliance.page.alias_editor import AliasEditor
    from appliance.page.page_request import PageRequest
    from appliance.page.page_services import PageServices
    from appliance.page.sentence_editor import SentenceEditor
    from appliance.sentences.sentence_fit import SentenceFit
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.system.kept_versions import KeptVersion
    from appliance.values import Intent, Result

MOST_SHOWN = 20
"""Results for which similar sentences are looked up."""

MOST_VALUES = 1000
"""Values that are listed for another name."""

LONGEST = 300
"""Characters of a sentence that is taught."""


@dataclass(frozen=True, slots=True)
class SuggestedMeaning:
    """A sentence that may have been meant."""

    text: str
    alias: str = ""
    """The words that would be another name of `of`, if that is all that was not understood."""
    of: str = ""


@dataclass(frozen=True, slots=True)
class Misunderstanding:
    """A result that is none, and sentences that may have been meant."""

    result: Result
    nearest: tuple[SuggestedMeaning, ...]
    kept: bool = False
    """Whether its recording is kept."""


class TeachView:
    """Its methods belong to the event loop of the HTTP server."""

    name = "teach"

    def __init__(
        self, services: PageServices, editor: SentenceEditor, aliases: AliasEditor
    ) -> None:
        self._activity = services.activity
        self._recordings = services.recordings
        self._editor = editor
        self._aliases = aliases
        self._turn = asyncio.Lock()
        """One search at a time: the threads are also those of every login."""
        self._known: tuple[SentenceSet, dict[str, SentenceFit]] = (editor.active, {})
        """What was found, with the sentences that it was found in."""

    def routes(self) -> Sequence[PageRoute]:
        """Its addresses."""
        return [
            PageRoute("/teach", self._show),
            PageRoute("/teach/sentence", self._teach, "POST", Role.OWNER),
            PageRoute("/teach/alias", self._add_alias, "POST", Role.OWNER),
            PageRoute("/teach/alias/undo", self._remove_alias, "POST", Role.OWNER),
        ]

    async def _show(self, request: PageRequest) -> Response:
        query = request.http.query_params
        said, kept_id = query.get("said", "")[:LONGEST], query.get("id", "")
        async with self._turn:
            misses, suggested = await asyncio.to_thread(self._found, said)
        why = await asyncio.to_thread(self._editor.files().why_read_only)
        values = await asyncio.to_thread(self._aliases.values)
        return request.page(
            "teach",
            said=said,
            kept_id=kept_id if self._recordings.has(kept_id) else "",
            suggested=suggested,
            misses=misses,
            read_only=why,
            values=sorted({(one.list_name, one.out) for one in values})[:MOST_VALUES],
        )

    def _found(self, said: str) -> tuple[list[Misunderstanding], tuple[str, ...]]:
        """The last misunderstandings, each text once and the newest first; and help with one."""
        active = self._editor.active
        by_text = {one.text: one for one in self._activity.misunderstood if one.text}
        newest = dict(list(by_text.items())[::-1][:MOST_SHOWN])
        before = self._known[1] if self._known[0] is active else {}
        fits = {text: before.get(text) or fit_of(active, text) for text in newest}
        self._known = (active, fits)
        misses = [
            Misunderstanding(
                one,
                tuple(self._suggested(text, near) for near in fits[text].nearest),
                self._recordings.has(one.id),
            )
            for text, one in newest.items()
            if not fits[text].intents
        ]
        return misses, fit_of(active, said).nearest if said else ()

    def _suggested(self, said: str, meant: str) -> SuggestedMeaning:
        meaning = self._editor.active.parse(meant)
        found = None if meaning is None else self._aliases.found_in(said, meant, meaning)
        return (
            SuggestedMeaning(meant)
            if found is None
            else SuggestedMeaning(meant, found[0], found[1].out)
        )

    async def _teach(self, request: PageRequest) -> Response:
        form = await request.form()
        said, meant = form.get("said", "")[:LONGEST], form.get("meant", "").strip()[:LONGEST]
        template = template_of(said)
        meaning = await asyncio.to_thread(self._meaning, meant, request.texts)
        name, text, digest = await asyncio.to_thread(self._addition, template, meaning)
        checked = await self._editor.check(name, text, template)
        if checked.sentences is None:
            return request.part("sentences_checked", 422, checked=checked, tried="", file=name)
        became = () if checked.fit is None else checked.fit.intents
        if [(one.name, one.slots) for one in became] != [(meaning.name, meaning.slots)]:
            raise EditRefused(request.texts["teach.other"].format(meaning=_shown(became)))
        _, digest, in_use = await self._editor.save(name, text, digest)
        versions = await asyncio.to_thread(self._editor.files().versions, name)
        return request.part(
            "teach_saved",
            said=template,
            meaning=meaning,
            file=name,
            digest=digest,
            in_use=in_use,
            checked=checked,
            last=versions[0].number if versions else "",
            goes=False,
        )

    async def _add_alias(self, request: PageRequest) -> Response:
        """From what was said and meant; or the words and the value themselves."""
        form = await request.form()
        said, meant = form.get("said", "")[:LONGEST], form.get("meant", "").strip()[:LONGEST]
        if meant:
            meaning = await asyncio.to_thread(self._meaning, meant, request.texts)
            found = await asyncio.to_thread(self._aliases.found_in, said, meant, meaning)
            if found is None:
                raise EditRefused(request.texts["teach.no_alias"])
            added = await self._aliases.add(*found, said, meaning)
        else:
            values = await asyncio.to_thread(self._aliases.values)
            list_name, _, out = form.get("value", "").partition(":")
            named = (one for one in values if (one.list_name, one.out) == (list_name, out))
            value = next(named, None)
            if value is None:
                raise EditRefused(request.texts["teach.no_value"])
            added = await self._aliases.add(form.get("alias", ""), value)
        versions = await asyncio.to_thread(self._versions, added.file)
        return request.part(
            "teach_alias_saved",
            added=added,
            file=added.file,
            digest=added.digest,
            in_use=added.in_use,
            last=versions[0].number if versions else "",
            goes=False,
        )

    async def _remove_alias(self, request: PageRequest) -> Response:
        form = await request.form()
        alias = form.get("alias", "")
        await self._aliases.remove(alias, form.get("key", ""))
        return request.part("teach_alias_undone", alias=alias)

    def _versions(self, file: str) -> list[KeptVersion]:
        return self._editor.files().versions(file) if file else []

    def _meaning(self, meant: str, texts: dict[str, str]) -> Intent:
        """The meaning of a sentence that is understood."""
        fit = fit_of(self._editor.active, meant) if meant else None
        if fit is None or not fit.intents:
            near = f" {texts['sentences.nearest']} {' / '.join(fit.nearest)}" if fit else ""
            why = fit.lacking if fit and fit.lacking else texts["teach.not_understood"]
            raise EditRefused(f"“{meant}”: {why}{near if fit and fit.nearest else ''}")
        if len(fit.intents) > 1:
            raise EditRefused(texts["teach.several"])
        return fit.intents[0]

    def _addition(self, template: str, meaning: Intent) -> tuple[str, str, str]:
        """The file that gets the sentence: its name, its new text, and the digest of the old."""
        opened = self._editor.files().opened(FILE)
        return opened.name, with_sentence(opened.text, template, meaning), opened.digest


def _shown(intents: Sequence[Intent]) -> str:
    return " + ".join(
        " ".join([one.name, *(f"{name}={value}" for name, value in one.slots.items())])
        for one in intents
    )
