"""Sentences: the owner's sentence files, edited with every mistake at its line."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from typing import TYPE_CHECKING

from appliance.errors import EditRefused, SentencesError
from appliance.page.access import Role
from appliance.page.page_request import PageError
from appliance.page.page_view import PageRoute
from appliance.sentences.sentence_fit import other_meaning
from appliance.sentences.taught_sentence import OWN_FILE, with_sentence
from appliance.sentences.template_check import LONGEST
from appliance.values import Intent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from appliance.page.page_request import PageRequest
    from appliance.page.sentence_editor import SentenceEditor
    from appliance.sentences.editable_sentences import EditableSentences

INTENT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")

LONGEST_TRIED = 1000
"""Characters of a sentence that is tried."""


class SentencesView:
    """Its methods belong to the event loop of the HTTP server."""

    name = "sentences"

    def __init__(self, editor: SentenceEditor) -> None:
        self._editor = editor

    def routes(self) -> Sequence[PageRoute]:
        """Its addresses."""
        return [
            PageRoute("/sentences", self._show),
            # Of the owner alone: each check compiles a grammar, which takes much of the processor.
            PageRoute("/sentences/check", self._check, "POST", Role.OWNER, is_logged=False),
            PageRoute("/sentences/save", self._save, "POST", Role.OWNER),
            PageRoute("/sentences/add", self._add, "POST", Role.OWNER),
            PageRoute("/sentences/restore", self._restore, "POST", Role.OWNER),
            PageRoute("/sentences/remove", self._remove, "POST", Role.OWNER),
        ]

    async def _show(self, request: PageRequest) -> Response:
        query = request.http.query_params
        files = self._editor.files()
        return await asyncio.to_thread(
            self._page, request, files, query.get("file", ""), query.get("new", "")
        )

    def _page(
        self, request: PageRequest, files: EditableSentences, name: str, new: str
    ) -> Response:
        why, names, opened, digest, versions = "", [], "", "", []
        try:
            names = files.names()
            if new:
                name, opened = files.named(new), request.texts["sentences.example"]
            elif name:
                opened, digest = _text_and_digest(files, name)
            versions = files.versions(name) if name and not new else []
        except (SentencesError, EditRefused) as error:
            why, name = str(error), ""
        active = self._editor.active
        return request.page(
            "sentences",
            names=names,
            folder=str(files.folder),
            starter=files.is_starter_set,
            read_only=files.why_read_only(),
            problem=why,
            topic=self._editor.topic,
            file=name,
            is_new=bool(new),
            text=opened,
            digest=digest,
            versions=[(one.number, _moment(one.until_s)) for one in versions],
            how_many=active.how_many(),
            intents=len(active.intents.intents),
            saved="saved" in request.http.query_params,
        )

    async def _check(self, request: PageRequest) -> Response:
        form = await request.form()
        tried = form.get("tried", "").strip()[:LONGEST_TRIED]
        checked = await self._editor.check(_file(form), form.get("text", ""), tried)
        return request.part("sentences_checked", checked=checked, tried=tried, file=_file(form))

    async def _save(self, request: PageRequest) -> Response:
        form = await request.form()
        name, digest = _file(form), form.get("digest", "")
        return await self._saved(request, name, form.get("text", ""), digest, goes=not digest)

    async def _add(self, request: PageRequest) -> Response:
        """A sentence with the name of its intent, for who does not want to see a file."""
        form = await request.form()
        sentence, intent = form.get("sentence", "").strip(), form.get("intent", "").strip()
        if not sentence or INTENT_NAME.fullmatch(intent) is None:
            raise PageError(422, request.texts["sentences.intent_rule"])
        answer = form.get("response", "").strip()
        if max(len(sentence), len(answer)) > LONGEST:
            raise PageError(422, request.texts["sentences.too_long"].format(most=LONGEST))
        if form.get("anyway") != "yes":
            active = self._editor.active
            taken = await asyncio.to_thread(other_meaning, active, sentence, intent)
            if taken is not None:
                given = {"sentence": sentence, "intent": intent, "response": answer}
                return request.part("sentence_taken", 409, taken=taken, given=given)
        opened = await asyncio.to_thread(self._editor.files().opened, OWN_FILE)
        text = with_sentence(opened.text, sentence, Intent(intent), answer)
        return await self._saved(request, opened.name, text, opened.digest, goes=False)

    async def _restore(self, request: PageRequest) -> Response:
        """Put back what the file held before a change, by the same road as any other text."""
        form = await request.form()
        name, number = _file(form), form.get("number", "")
        files = self._editor.files()
        versions = await asyncio.to_thread(files.versions, name)
        found = next((one for one in versions if str(one.number) == number), None)
        if found is None:
            raise PageError(404, request.texts["sentences.no_version"])
        text = None if found.content is None else found.content.decode(errors="replace")
        return await self._saved(request, name, text, form.get("digest", ""), goes=True)

    async def _remove(self, request: PageRequest) -> Response:
        form = await request.form()
        return await self._saved(request, _file(form), None, form.get("digest", ""), goes=True)

    async def _saved(
        self, request: PageRequest, name: str, text: str | None, digest: str, *, goes: bool
    ) -> Response:
        """`goes`: the page is loaded again after that, because it shows another text."""
        checked, digest, in_use = await self._editor.save(name, text, digest)
        if checked.sentences is None:
            return request.part("sentences_checked", 422, checked=checked, tried="", file=name)
        versions = await asyncio.to_thread(self._editor.files().versions, name)
        return request.part(
            "sentences_saved",
            file=name,
            digest=digest,
            in_use=in_use,
            checked=checked,
            last=versions[0].number if versions else "",
            goes=goes,
        )


def _text_and_digest(files: EditableSentences, name: str) -> tuple[str, str]:
    """Text and digest of a file, which may have been removed."""
    if name not in files.names() and files.versions(name):
        return "", ""
    found = files.read(name)
    return found.text, found.digest


def _file(form: dict[str, str]) -> str:
    if not form.get("file"):
        raise PageError(400, "the form names no file")
    return form["file"]


def _moment(seconds: float) -> str:
    """The time, in the board's time zone."""
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S")
