"""Settings: every key of config.toml with its explanation, checked before it is saved."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

from appliance.errors import EditRefused
from appliance.page.access import Role
from appliance.page.editable_config import EditableConfig
from appliance.page.page_request import PageError
from appliance.page.page_view import PageRoute
from appliance.pushed_bundle import read_record
from appliance.system.signal_wait import RELOAD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from appliance.page.editable_config import ChangedConfig
    from appliance.page.page_request import PageRequest
    from appliance.page.page_services import PageServices


logger = logging.getLogger(__name__)


class SettingsView:
    """Its methods belong to the event loop of the HTTP server."""

    name = "settings"

    def __init__(self, services: PageServices) -> None:
        self._settings = services.settings
        self._file = EditableConfig(services.config_path, services.config.state_directory)
        self._turn = asyncio.Lock()

    def routes(self) -> Sequence[PageRoute]:
        """Its addresses."""
        return [
            PageRoute("/settings", self._show),
            PageRoute("/settings/check", self._check, "POST", Role.OWNER),
            PageRoute("/settings/save", self._save, "POST", Role.OWNER),
            PageRoute("/settings/restore", self._restore, "POST", Role.OWNER),
            PageRoute("/settings/forget", self._forget, "POST", Role.OWNER),
        ]

    def digest(self) -> str:
        """Digest of the file, for a form elsewhere that saves keys; empty if it cannot be read."""
        try:
            return self._file.read()[1]
        except EditRefused:
            return ""

    async def _show(self, request: PageRequest) -> Response:
        return await asyncio.to_thread(self._page, request)

    def _page(self, request: PageRequest) -> Response:
        file, wanted = self._file, request.http.query_params.get("section", "")
        sections, why = file.sections(), file.why_read_only()
        section = next((one for one in sections if one.name == wanted), None)
        text, digest = file.read()
        try:
            fields = [] if section is None else file.fields(section, text)
        except (EditRefused, ValueError) as error:
            fields, why = [], str(error)
        return request.page(
            "settings",
            path=str(file.path),
            beside=file.is_beside,
            saved=file.saved_names(),
            sections=sections,
            section=section,
            fields=fields,
            digest=digest,
            read_only=why,
            before=self._file.versions()[:1],
            bundle=self._bundle(),
            fault=self._settings.fault,
        )

    def _bundle(self) -> int:
        """The number of the active signed bundle, whose values come first; 0 for none."""
        config = self._settings.config
        return read_record(config.state_directory).serial if config.fleet.public_key else 0

    async def _check(self, request: PageRequest) -> Response:
        changed = await self._changed(await request.form())
        return self._part(request, changed, "settings_checked")

    async def _save(self, request: PageRequest) -> Response:
        form = await request.form()
        return await self._saved(request, await self._changed(form), form.get("digest", ""))

    async def _restore(self, request: PageRequest) -> Response:
        form = await request.form()
        versions = await asyncio.to_thread(self._file.versions)
        if not versions:
            raise PageError(404, request.texts["sentences.no_version"])
        async with self._turn:
            changed = await asyncio.to_thread(self._file.restored, versions[0])
        return await self._saved(request, changed, form.get("digest", ""), goes=True)

    async def _forget(self, request: PageRequest) -> Response:
        """Let the value of config.toml count again for a key."""
        form = await request.form()
        async with self._turn:
            changed = await asyncio.to_thread(self._file.without, form.get("key", ""))
        return await self._saved(request, changed, form.get("digest", ""), goes=True)

    async def _changed(self, form: dict[str, str]) -> ChangedConfig:
        section = next((one for one in self._file.sections() if one.name == form.get("in")), None)
        if section is None:
            raise PageError(400, "the form names no section")
        async with self._turn:
            text, _ = await asyncio.to_thread(self._file.read)
            fields = self._file.fields(section, text)
            return await asyncio.to_thread(self._file.changed, fields, form)

    async def _saved(
        self, request: PageRequest, changed: ChangedConfig, digest: str, *, goes: bool = False
    ) -> Response:
        if changed.problems or not (changed.changed or goes):
            return self._part(request, changed, "settings_checked")
        async with self._turn:
            digest = await asyncio.to_thread(self._file.save, changed.text, digest)
        keys = ", ".join(name for name, _ in changed.changed) or "an earlier file"
        logger.info("page: %s saved in %s: %s", request.who, self._file.path.name, keys)
        os.kill(os.getpid(), RELOAD)  # what `systemctl reload` does
        return self._part(request, changed, "settings_saved", digest=digest, goes=goes)

    def _part(
        self, request: PageRequest, changed: ChangedConfig, template: str, **values: object
    ) -> Response:
        restart: list[str] = []
        if changed.before is not None and changed.after is not None:
            restart = self._settings.needs_restart(changed.before, changed.after)
        status = 422 if changed.problems else 200
        return request.part(template, status, changed=changed, restart=restart, **values)
