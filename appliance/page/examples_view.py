"""Examples: recordings with their meaning; evaluate and calibrate with them, before and after."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

from appliance.clips.labelled_clips import LabelledClips
from appliance.clips.recent_recordings import wav_of
from appliance.decoding.calibration_fit import OutcomeCounts  # noqa: TC001  (msgspec reads it)
from appliance.errors import UNREADABLE_JSON, EditRefused, ManifestError
from appliance.evaluation.manifest import expected_commands
from appliance.evaluation.scores import Summary
from appliance.page.access import Role
from appliance.page.page_request import PageError
from appliance.page.page_view import PageRoute
from appliance.sentences.sentence_fit import fit_of
from appliance.system import atomic_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.clips.recent_recordings import RecentRecordings
    from appliance.page.background_command import BackgroundCommand, CommandProgress
    from appliance.page.page_request import PageRequest
    from appliance.page.page_services import PageServices
    from appliance.page.sentence_editor import SentenceEditor
    from appliance.page.settings_view import SettingsView
    from appliance.values import Intent

logger = logging.getLogger(__name__)

MEASUREMENTS = "measured.json"
"""File in the folder of the examples."""

LIMIT_S = 3600.0
"""Hundreds of examples on a small board."""

LONGEST = 300
"""Characters of a sentence."""

MOST_SHOWN = 200

COMMANDS = ("evaluate", "calibrate")


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """A result of `appliance evaluate`."""

    at: float
    """Unix seconds."""
    summary: Summary


class KeptMeasurements(msgspec.Struct, frozen=True, kw_only=True):
    """The newest measurement and the one before, on disk: a restart may lie between them."""

    now: Measurement | None = None
    before: Measurement | None = None


class CalibrationProposal(msgspec.Struct, frozen=True, kw_only=True):
    """A result of `appliance calibrate --json`."""

    clips: int
    before: OutcomeCounts
    after: OutcomeCounts
    settings: dict[str, float | list[float]]


class ExamplesView:
    """Its methods belong to the event loop of the HTTP server."""

    name = "examples"

    def __init__(
        self,
        services: PageServices,
        editor: SentenceEditor,
        command: BackgroundCommand,
        settings: SettingsView,
    ) -> None:
        self._clips = LabelledClips(services.config)
        self._recordings: RecentRecordings = services.recordings
        self._results = services.activity
        self._area = services.config.device.area
        self._editor = editor
        self._command = command
        self._settings = settings
        self._taken: CommandProgress | None = None
        """The command whose output was read."""
        self._proposal: CalibrationProposal | None = None

    def routes(self) -> Sequence[PageRoute]:
        """Its addresses."""
        return [
            PageRoute("/examples", self._show),
            PageRoute("/examples/list", self._show_list),
            PageRoute("/examples/recent/{id}", self._play_recent, role=Role.OWNER),
            PageRoute("/examples/sound/{name}", self._play, role=Role.OWNER),
            PageRoute("/examples/add", self._add, "POST", Role.OWNER),
            PageRoute("/examples/remove", self._remove, "POST", Role.OWNER),
            PageRoute("/examples/evaluate", self._evaluate, "POST", Role.OWNER),
            PageRoute("/examples/calibrate", self._calibrate, "POST", Role.OWNER),
            PageRoute("/examples/stop", self._stop, "POST", Role.OWNER),
        ]

    async def _show(self, request: PageRequest) -> Response:
        return request.page("examples", keeps=self._recordings.is_on, **await self._listed())

    async def _show_list(self, request: PageRequest) -> Response:
        return request.part("examples_list", **await self._listed())

    async def _play_recent(self, request: PageRequest) -> Response:
        samples = await asyncio.to_thread(self._recordings.samples, request.http.path_params["id"])
        if samples is None:
            raise PageError(404, request.texts["examples.gone"])
        return Response(await asyncio.to_thread(wav_of, samples), media_type="audio/wav")

    async def _play(self, request: PageRequest) -> Response:
        path = await asyncio.to_thread(self._clips.path_of, request.http.path_params["name"])
        return Response(await asyncio.to_thread(path.read_bytes), media_type="audio/wav")

    async def _add(self, request: PageRequest) -> Response:
        """Keep a recent recording with the meaning of a sentence, or of none."""
        form = await request.form()
        meant = form.get("meant", "").strip()[:LONGEST]
        if not meant and form.get("nothing") != "yes":
            raise PageError(422, request.texts["teach.not_understood"])
        meaning = await asyncio.to_thread(self._meaning, meant, request.texts) if meant else ()
        file = await asyncio.to_thread(self._keep, form.get("id", ""), meaning, request.texts)
        return request.part("examples_added", file=file, meaning=_meaning_text(meaning))

    async def _remove(self, request: PageRequest) -> Response:
        form = await request.form()
        await asyncio.to_thread(self._clips.remove, form.get("name", ""))
        return await self._show_list(request)

    async def _evaluate(self, request: PageRequest) -> Response:
        return await self._start(request, "evaluate")

    async def _calibrate(self, request: PageRequest) -> Response:
        return await self._start(request, "calibrate")

    async def _stop(self, request: PageRequest) -> Response:
        if self._own_progress is not None:
            self._command.stop()
        return await self._show_list(request)

    async def _start(self, request: PageRequest, command: str) -> Response:
        if not await asyncio.to_thread(self._clips.clips):
            raise PageError(422, request.texts["examples.none"])
        await self._take_output()
        if not self._command.start(command, "--json", limit_s=LIMIT_S):
            raise PageError(409, request.texts["models.busy"])
        return await self._show_list(request)

    def _meaning(self, meant: str, texts: dict[str, str]) -> tuple[Intent, ...]:
        fit = fit_of(self._editor.active, meant)
        if not fit.intents:
            near = f" {texts['sentences.nearest']} {' / '.join(fit.nearest)}" if fit.nearest else ""
            raise EditRefused(f"“{meant}”: {texts['teach.not_understood']}{near}")
        return fit.intents

    def _keep(self, result_id: str, meaning: Sequence[Intent], texts: dict[str, str]) -> str:
        samples = self._recordings.samples(result_id)
        if samples is None:
            raise EditRefused(texts["examples.gone"])
        area = self._results.area_of(result_id) or self._area
        return self._clips.add(result_id, samples, meaning, area)

    @property
    def _own_progress(self) -> CommandProgress | None:
        progress = self._command.progress
        return progress if progress is not None and progress.words[0] in COMMANDS else None

    async def _listed(self) -> dict[str, Any]:
        await self._take_output()
        clips, problem = await asyncio.to_thread(self._rows)
        measured = await asyncio.to_thread(self._measurements)
        return {
            "rows": clips[::-1][:MOST_SHOWN],
            "problem": problem,
            "space": await asyncio.to_thread(self._clips.space),
            "progress": self._own_progress,
            "runs": self._command.runs,
            "measured": measured,
            "proposal": self._proposal,
            "digest": await asyncio.to_thread(self._settings.digest),
        }

    def _rows(self) -> tuple[list[tuple[str, str, str]], str]:
        """File, meaning and room of each example; and why they cannot be read."""
        try:
            clips = self._clips.clips()
        except ManifestError as error:
            return [], str(error)
        return [
            (one.audio or "", _commands_text(expected_commands(one)), one.area) for one in clips
        ], ""

    async def _take_output(self) -> None:
        """Read what a command has printed, once."""
        progress = self._own_progress
        if progress is None or progress is self._taken or not progress.is_done:
            return
        self._taken = progress
        try:
            if progress.words[0] == "calibrate":
                self._proposal = msgspec.json.decode(progress.output, type=CalibrationProposal)
            else:
                summary = msgspec.json.decode(progress.output, type=Summary)
                await asyncio.to_thread(self._note, Measurement(at=time.time(), summary=summary))
        except UNREADABLE_JSON as error:
            logger.warning("page: the output of %s cannot be read: %s", progress.words[0], error)

    def _note(self, measured: Measurement) -> None:
        kept = KeptMeasurements(now=measured, before=self._measurements().now)
        atomic_file.replace(self._clips.manifest.with_name(MEASUREMENTS), msgspec.json.encode(kept))

    def _measurements(self) -> KeptMeasurements:
        try:
            content = self._clips.manifest.with_name(MEASUREMENTS).read_bytes()
            return msgspec.json.decode(content, type=KeptMeasurements)
        except (OSError, *UNREADABLE_JSON):
            return KeptMeasurements()


def _meaning_text(meaning: Sequence[Intent]) -> str:
    return _commands_text([(one.name, one.slots) for one in meaning])


def _commands_text(commands: Sequence[tuple[str, dict[str, Any]]]) -> str:
    return " + ".join(
        " ".join([name, *(f"{slot}={value}" for slot, value in slots.items())])
        for name, slots in commands
    )
