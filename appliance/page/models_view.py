"""Models: which there are, which are used, pulled with progress, and how fast this board is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from appliance.errors import EditRefused, ModelDamaged, ModelMissing
from appliance.models import catalogue
from appliance.models.catalogue import HubModel
from appliance.models.store import ModelState, Store
from appliance.page.access import Role
from appliance.page.editable_config import EditableConfig
from appliance.page.page_request import PageError
from appliance.page.page_view import PageRoute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from appliance.models.catalogue import Model
    from appliance.page.background_command import BackgroundCommand, CommandProgress
    from appliance.page.page_request import PageRequest
    from appliance.page.page_services import PageServices

PULL_LIMIT_S = 6 * 3600.0
"""A large model over a slow line; a pull that was broken off goes on where it was."""

BENCH_LIMIT_S = 1800.0

COMMANDS = ("models", "bench")

BENCH_RUNS = "2"
"""Number of runs for each recording; each takes half a minute on a small board."""


@dataclass(frozen=True, slots=True)
class ModelRow:
    """The shown data of a model."""

    name: str
    task: str
    languages: str
    licence: str
    size_mb: float
    memory_mb: int
    state: ModelState
    used: bool
    accept: str | None
    """The page of its terms, if they must be accepted before it is pulled."""


class ModelsView:
    """Its methods belong to the event loop of the HTTP server."""

    name = "models"

    def __init__(self, services: PageServices, command: BackgroundCommand) -> None:
        self._config = services.config
        self._store = Store(services.config.models_directory)
        self._file = EditableConfig(services.config_path, services.config.state_directory)
        self._command = command
        self._measured = ""
        """The printed text of the last measurement."""

    def routes(self) -> Sequence[PageRoute]:
        """Its addresses."""
        return [
            PageRoute("/models", self._show),
            PageRoute("/models/list", self._show_list),
            PageRoute("/models/pull", self._pull, "POST", Role.OWNER),
            PageRoute("/models/bench", self._bench, "POST", Role.OWNER),
            PageRoute("/models/stop", self._stop, "POST", Role.OWNER),
        ]

    async def _show(self, request: PageRequest) -> Response:
        return request.page("models", **await self._listed())

    async def _show_list(self, request: PageRequest) -> Response:
        return request.part("models_list", **await self._listed())

    async def _pull(self, request: PageRequest) -> Response:
        form = await request.form()
        name = form.get("name", "")
        if name not in catalogue.names_to_pull():
            raise PageError(422, catalogue.unknown_name(name))
        words = ["models", "pull", name]
        known = catalogue.hub_models().get(name)
        if known is not None and known.accept is not None:
            if form.get("accept") != "yes":
                raise PageError(422, request.texts["models.accept_first"])
            words.append("--accept-terms")
        self._start(request, *words, limit_s=PULL_LIMIT_S, online=True)
        return await self._show_list(request)

    async def _bench(self, request: PageRequest) -> Response:
        words = ("bench", "--runs", BENCH_RUNS)
        self._start(request, *words, limit_s=BENCH_LIMIT_S)
        return await self._show_list(request)

    async def _stop(self, request: PageRequest) -> Response:
        if self._own_progress is not None:
            self._command.stop()
        return await self._show_list(request)

    def _start(
        self, request: PageRequest, *words: str, limit_s: float, online: bool = False
    ) -> None:
        if not self._command.start(*words, limit_s=limit_s, online=online):
            raise PageError(409, request.texts["models.busy"])

    async def _listed(self) -> dict[str, Any]:
        progress = self._own_progress
        if progress is not None and progress.words[0] == "bench" and progress.is_done:
            self._measured = progress.output
        return {
            "rows": await asyncio.to_thread(self._rows),
            "digest": await asyncio.to_thread(self._digest),
            "folder": str(self._store.directory),
            "progress": progress,
            "runs": self._command.runs,
            "measured": self._measured,
        }

    @property
    def _own_progress(self) -> CommandProgress | None:
        """The progress of a command of this view; others run one after the other with them."""
        progress = self._command.progress
        return progress if progress is not None and progress.words[0] in COMMANDS else None

    def _digest(self) -> str:
        """Digest of config.toml, for the form that changes it; empty if it cannot be read."""
        try:
            return self._file.read()[1]
        except EditRefused:
            return ""

    def _rows(self) -> list[ModelRow]:
        known: dict[str, Model | HubModel] = {**catalogue.hub_models(), **self._store.known()}
        names = [*catalogue.models(), *catalogue.names_to_pull()]
        return [self._row(known[name]) for name in dict.fromkeys(names)]

    def _row(self, model: Model | HubModel) -> ModelRow:
        size_mb = float(model.file_mb) if isinstance(model, HubModel) else model.bytes / 1e6
        described = catalogue.hub_models().get(model.name)
        return ModelRow(
            name=model.name,
            task=model.task,
            languages=", ".join(model.languages[:6]) + (" …" if model.languages[6:] else ""),
            licence=model.licence,
            size_mb=size_mb,
            memory_mb=model.memory_mb,
            state=self._state(model.name),
            used=model.name in self._config.models,
            accept=None if described is None else described.accept,
        )

    def _state(self, name: str) -> ModelState:
        try:
            self._store.quick_path_of(name)
        except ModelMissing:
            return ModelState.MISSING
        except ModelDamaged:
            return ModelState.DAMAGED
        return ModelState.READY
