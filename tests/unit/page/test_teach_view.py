"""Teach looks up what may have been meant once for each text, not at each look at the page."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from support.sentences import sentence_set

from appliance.page import teach_view
from appliance.page.teach_view import MOST_SHOWN, TeachView
from appliance.sentences.sentence_fit import fit_of

if TYPE_CHECKING:
    from appliance.page.page_request import PageRequest
    from appliance.sentences.sentence_fit import SentenceFit
    from appliance.sentences.sentence_set import SentenceSet


def test_a_text_is_looked_up_once_until_the_sentences_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_up: list[str] = []

    def counted(sentences: SentenceSet, text: str) -> SentenceFit:
        looked_up.append(text)
        return fit_of(sentences, text)

    monkeypatch.setattr(teach_view, "fit_of", counted)
    results = [SimpleNamespace(id="", text=f"lamb {number}") for number in range(MOST_SHOWN + 5)]
    editor = SimpleNamespace(
        active=sentence_set({"Light": "lamp"}),
        files=lambda: SimpleNamespace(why_read_only=lambda: ""),
    )
    aliases = SimpleNamespace(values=list, found_in=lambda *_: None)
    services = SimpleNamespace(
        activity=SimpleNamespace(misunderstood=results),
        recordings=SimpleNamespace(has=lambda _: False),
    )
    shown: dict[str, Any] = {}
    request = SimpleNamespace(
        http=SimpleNamespace(query_params={}), page=lambda _, **values: shown.update(values)
    )

    async def look() -> None:
        view = TeachView(cast("Any", services), cast("Any", editor), cast("Any", aliases))
        (show, *_) = view.routes()
        for _ in range(2):
            await show.endpoint(cast("PageRequest", request))
        assert looked_up == [one.text for one in results[: -MOST_SHOWN - 1 : -1]]
        assert len(shown["misses"]) == MOST_SHOWN
        editor.active = sentence_set(
            {"Light": "lamb {number}"}, lists={"number": {"range": {"from": 0, "to": 99}}}
        )
        await show.endpoint(cast("PageRequest", request))
        assert len(looked_up) == 2 * MOST_SHOWN
        assert shown["misses"] == []

    asyncio.run(look())
