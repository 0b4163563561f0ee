"""Drives a Home Assistant as its owner's browser does; runs under Home Assistant's own Python.

drive.py setup URL WYOMING_PORT     owner, integration, area, voice assistant: prints JSON
drive.py say URL TOKEN PIPELINE PCM a recording through the voice assistant: prints JSON
drive.py light URL TOKEN on|off     switches the light without a voice
drive.py mqtt URL PORT              owner, MQTT with a broker on this port: prints the token
drive.py look URL TOKEN             prints the states, and the devices of MQTT with their triggers
drive.py automate URL TOKEN JSON    saves an automation, as its editor does
drive.py satellite URL TOKEN PIPELINE PORT  a satellite for the voice assistant: prints JSON
drive.py call URL TOKEN SERVICE ID  does something with an entity
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import aiohttp

CLIENT = "http://localhost/"
LIGHT = "light.kitchen_lamp"
VOICE = "tts.kitchen"
PIECE_BYTES = 640


class Browser:
    """One login."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str = "") -> None:
        self._http = http
        self._url = url
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._ids = 0
        self.token = token

    async def post(self, path: str, form: Any = None, **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        what: dict[str, Any] = {"json": body} if form is None else {"data": form}
        async with self._http.post(f"{self._url}{path}", headers=headers, **what) as answer:
            answer.raise_for_status()
            return await answer.json()

    async def get(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self._http.get(f"{self._url}{path}", headers=headers) as answer:
            answer.raise_for_status()
            return await answer.json()

    async def until_running(self) -> None:
        """Wait until everything of the configuration is loaded."""
        while (await self.get("/api/config"))["state"] != "RUNNING":  # noqa: ASYNC110 (no event)
            await asyncio.sleep(0.2)

    async def open(self) -> aiohttp.ClientWebSocketResponse:
        if self._socket is None:
            socket = self._socket = await self._http.ws_connect(f"{self._url}/api/websocket")
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": self.token})
            assert (await socket.receive_json())["type"] == "auth_ok"
        return self._socket

    async def command(self, kind: str, **fields: Any) -> Any:
        """The result of a command over the WebSocket."""
        socket = await self.open()
        self._ids += 1
        await socket.send_json({"id": self._ids, "type": kind, **fields})
        while (answer := await socket.receive_json(timeout=60))["id"] != self._ids:
            pass
        assert answer["success"], answer
        return answer["result"]

    async def say(self, pipeline: str, pcm: bytes) -> list[Any]:
        """A recording through a voice assistant, as it is spoken; its events."""
        socket = await self.open()
        self._ids += 1
        asked = {"start_stage": "stt", "end_stage": "intent", "input": {"sample_rate": 16000}}
        command = {"id": self._ids, "type": "assist_pipeline/run", "pipeline": pipeline, **asked}
        await socket.send_json(command)
        events: list[Any] = []
        sending: asyncio.Task[None] | None = None
        while not events or events[-1]["type"] not in ("run-end", "error"):
            message = await socket.receive_json(timeout=60)
            if message["type"] == "result":
                assert message["success"], message
                continue
            events.append(message["event"])
            if events[-1]["type"] == "run-start":
                handler = events[-1]["data"]["runner_data"]["stt_binary_handler_id"]
                sending = asyncio.ensure_future(self._send_sound(socket, handler, pcm))
        if sending is not None:
            sending.cancel()
        return events

    @staticmethod
    async def _send_sound(socket: Any, handler: int, pcm: bytes) -> None:
        for start in range(0, len(pcm), PIECE_BYTES):
            await socket.send_bytes(bytes([handler]) + pcm[start : start + PIECE_BYTES])
            await asyncio.sleep(PIECE_BYTES / 32_000)
        await socket.send_bytes(bytes([handler]))


async def new_owner(browser: Browser) -> None:
    """What an owner does first."""
    code = await browser.post(
        "/api/onboarding/users",
        client_id=CLIENT,
        name="Owner",
        username="owner",
        password="of the house",
        language="en",
    )
    form = {"grant_type": "authorization_code", "code": code["auth_code"], "client_id": CLIENT}
    browser.token = (await browser.post("/auth/token", form))["access_token"]
    browser.token = await browser.command(
        "auth/long_lived_access_token", client_name="test", lifespan=1
    )


async def integrate(browser: Browser, handler: str, **fields: Any) -> Any:
    """Add an integration by its form."""
    flow = await browser.post("/api/config/config_entries/flow", handler=handler)
    return await browser.post(f"/api/config/config_entries/flow/{flow['flow_id']}", **fields)


async def setup(browser: Browser, port: int) -> dict[str, Any]:
    """What an owner does once."""
    await new_owner(browser)
    entry = await integrate(browser, "wyoming", host="127.0.0.1", port=port)
    # A new Home Assistant has a kitchen already.
    await browser.command("config/entity_registry/update", entity_id=LIGHT, area_id="kitchen")
    states = {state["entity_id"] for state in await browser.get("/api/states")}
    pipeline = await browser.command(
        "assist_pipeline/pipeline/create",
        name="Kitchen",
        language="en",
        conversation_engine="conversation.kitchen",
        conversation_language="en",
        stt_engine="stt.kitchen",
        stt_language="en",
        tts_engine=VOICE if VOICE in states else None,
        tts_language="en" if VOICE in states else None,
        tts_voice=None,
        wake_word_entity=None,
        wake_word_id=None,
    )
    return {
        "token": browser.token,
        "entry": {key: entry.get(key) for key in ("type", "title", "reason")},
        "entities": sorted(states),
        "pipeline": pipeline["id"],
    }


async def look(browser: Browser) -> dict[str, Any]:
    """What an owner sees."""
    devices = []
    for device in await browser.command("config/device_registry/list"):
        if any(kind == "mqtt" for kind, _ in device["identifiers"]):
            triggers = await browser.command(
                "device_automation/trigger/list", device_id=device["id"]
            )
            devices.append({"id": device["id"], "name": device["name"], "triggers": triggers})
    states = {one["entity_id"]: one["state"] for one in await browser.get("/api/states")}
    return {"states": states, "devices": devices}


async def main(command: str, url: str, *rest: str, pcm: bytes = b"") -> None:
    """Do one of the commands."""
    async with aiohttp.ClientSession() as http:
        if command == "setup":
            print(json.dumps(await setup(Browser(http, url), int(rest[0]))))
            return
        if command == "mqtt":
            browser = Browser(http, url)
            await new_owner(browser)
            entry = await integrate(browser, "mqtt", broker="127.0.0.1", port=int(rest[0]))
            print(json.dumps({"token": browser.token, "type": entry["type"]}))
            return
        browser = Browser(http, url, rest[0])
        await browser.until_running()
        if command == "say":
            events = await browser.say(rest[1], pcm)
            state = await browser.get(f"/api/states/{LIGHT}")
            print(json.dumps({"events": events, "light": state["state"]}))
        elif command == "look":
            print(json.dumps(await look(browser)))
        elif command == "satellite":
            await browser.command("assist_pipeline/pipeline/set_preferred", pipeline_id=rest[1])
            entry = await integrate(browser, "wyoming", host="127.0.0.1", port=int(rest[2]))
            print(json.dumps({key: entry.get(key) for key in ("type", "title", "reason")}))
        elif command == "automate":
            await browser.post("/api/config/automation/config/1", **json.loads(rest[1]))
        elif command == "call":
            await browser.post(f"/api/services/{rest[1]}", entity_id=rest[2])
        else:
            await browser.post(f"/api/services/light/turn_{rest[1]}", entity_id=LIGHT)


words = sys.argv[1:]
sound = Path(words[-1]).read_bytes() if words[0] == "say" else b""
asyncio.run(main(*words, pcm=sound))
