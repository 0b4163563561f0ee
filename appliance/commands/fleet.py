"""`appliance fleet`: many boards over MQTT; list them, make a signed bundle, push it in stages."""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from appliance import config as configuration
from appliance.client import Connection
from appliance.commands.action_parsers import add_actions
from appliance.errors import UNREADABLE_JSON, ApplianceError, BrokerError, BundleError
from appliance.fleet import bundle as bundles
from appliance.fleet import signature
from appliance.fleet.bundle import SignedBundle
from appliance.fleet.overview import FleetBoard, boards_of, staged
from appliance.messages.request_payloads import Answer, RequestState
from appliance.mqtt import credentials

if TYPE_CHECKING:
    import argparse

    from paho.mqtt import client as paho

    from appliance.config import Config

CONNECT_S = 5.0
LOOK_EVERY_S = 0.5
PRIVATE_KEY, PUBLIC_KEY = "fleet.key", "fleet.pub"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions of `appliance fleet`."""
    parser.epilog = """\
Examples:
  appliance fleet list
  appliance fleet key ~/fleet
  appliance fleet bundle 7.bundle --serial 7 --key ~/fleet/fleet.key \\
      --sentences my-sentences --devices devices.yaml --settings settings.toml
  appliance fleet push 7.bundle --percent 10
  appliance fleet push 7.bundle --percent 100

It connects to the broker of the configuration. A board takes a bundle only if
fleet.public_key names the key and mqtt.operations has "apply". It checks the
bundle, starts again with it, and goes back by itself if it is not well.

Exit status: 0 done, 1 a board has a problem (list), refused the bundle or took
it back (push), 69 no connection to the broker."""
    list_, key, bundle, push = add_actions(
        parser,
        {
            "list": "each board: status, version, bundle, problems and drift",
            "key": "make the pair of keys that bundles are signed with",
            "bundle": "make a signed bundle of sentences, devices file and settings",
            "push": "send a bundle to a share of the boards, and wait for the outcome",
        },
    )
    for action in (list_, push):
        action.add_argument(
            "--root", default="appliance/+", help="roots of the boards' topics (appliance/+)"
        )
        action.add_argument(
            "--seconds", type=float, default=3.0, help="how long to wait for all boards (3)"
        )
        action.add_argument("--json", action="store_true", help="JSON lines")
    key.add_argument("folder", type=Path, help=f"where {PRIVATE_KEY} and {PUBLIC_KEY} are written")
    bundle.add_argument("file", type=Path, help="the bundle to write")
    bundle.add_argument(
        "--serial", type=int, required=True, help="higher than that of each bundle before"
    )
    bundle.add_argument("--key", type=Path, required=True, help="the private key")
    bundle.add_argument("--sentences", type=Path, metavar="DIR", help="folder of sentence files")
    bundle.add_argument("--devices", type=Path, metavar="FILE", help="the owner's file of devices")
    bundle.add_argument(
        "--settings", type=Path, metavar="FILE", help="TOML with the keys that change"
    )
    push.add_argument("file", type=Path, help="the bundle")
    push.add_argument("--percent", type=float, default=10.0, help="share of the boards (10)")
    push.add_argument(
        "--limit-s", type=float, default=300.0, help="how long a board may take (300)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the action; returns the exit status."""
    if arguments.action == "key":
        return _make_key(arguments.folder)
    if arguments.action == "bundle":
        return _make_bundle(arguments)
    with Fleet(configuration.load(arguments.config), arguments.root) as fleet:
        time.sleep(arguments.seconds)
        if arguments.action == "list":
            return _list(fleet.boards(), as_json=arguments.json)
        return _push(fleet, arguments)


class Fleet:
    """The boards on a broker, as far as their retained messages say; a context manager."""

    def __init__(self, config: Config, root: str) -> None:
        self._lock = threading.Lock()
        self._messages: dict[str, bytes] = {}
        self._answers: dict[str, Answer] = {}
        prefixes = config.mqtt.reply_prefixes or ["appliance-clients/"]
        self.answers_to = f"{prefixes[0]}fleet-{uuid.uuid4().hex}"
        self._address = f"{config.broker_host}:{config.broker_port}"
        self._connection = Connection(
            config.broker_host,
            config.broker_port,
            topics=[*(f"{root}/{name}" for name in ("status", "info", "health")), self.answers_to],
            on_message=self._note,
            username=config.mqtt.username or None,
            password=credentials.password(config.mqtt),
            tls=credentials.tls_context(config.mqtt),
        )

    def __enter__(self) -> Self:
        self._connection.__enter__()
        if not self._connection.ready.wait(CONNECT_S):
            why = self._connection.refusal or "no answer"
            self._connection.__exit__()
            raise BrokerError(f"the broker at {self._address} does not let us in: {why}")
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.__exit__()

    def boards(self) -> list[FleetBoard]:
        """The boards that are known now."""
        with self._lock:
            return boards_of(dict(self._messages))

    def answer_of(self, root: str) -> Answer | None:
        """The answer of a board to `send`."""
        with self._lock:
            return self._answers.get(root)

    def send(self, root: str, signed: SignedBundle) -> None:
        """Ask a board to take a bundle."""
        request = {
            "bundle": base64.b64encode(signed.bundle).decode(),
            "signature": base64.b64encode(signed.signature).decode(),
            "transaction": root,
            "reply_to": self.answers_to,
        }
        self._connection.paho.publish(f"{root}/request/apply", json.dumps(request), qos=1)

    def _note(self, message: paho.MQTTMessage) -> None:
        with self._lock:
            if message.topic != self.answers_to:
                self._messages[message.topic] = bytes(message.payload)
                return
            try:
                answer = msgspec.json.decode(message.payload, type=Answer)
            except UNREADABLE_JSON:
                return  # not of a board
            self._answers[str(answer.transaction)] = answer


def _make_key(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    signature.make_key(folder / PRIVATE_KEY, folder / PUBLIC_KEY)
    print(
        f"{folder / PRIVATE_KEY}: keep it secret; its holder decides what each board understands\n"
        f"{folder / PUBLIC_KEY}: copy it to each board, and name it in fleet.public_key"
    )
    return 0


def _make_bundle(arguments: argparse.Namespace) -> int:
    bundle = bundles.gather(
        arguments.serial,
        datetime.now(UTC).isoformat(timespec="seconds"),
        sentences=arguments.sentences,
        devices=arguments.devices,
        settings=arguments.settings,
    )
    content = msgspec.json.encode(bundle)
    bundles.read(content)
    signed = SignedBundle(bundle=content, signature=signature.sign(content, arguments.key))
    arguments.file.write_bytes(msgspec.json.encode(signed))
    print(f"{arguments.file}: bundle {bundle.serial} with {len(bundle.files)} files")
    return 0


def _list(boards: list[FleetBoard], *, as_json: bool) -> int:
    for board in boards:
        if as_json:
            print(msgspec.json.encode(board).decode())
            continue
        parts = (board.root, board.status, board.version or "-", f"bundle {board.bundle or '-'}")
        hashes = [(value or "-")[:8] for value in (board.configuration, board.sentences)]
        print(_plain(f"{'  '.join(parts)}  configuration {hashes[0]}  sentences {hashes[1]}"))
        for problem in board.problems:
            print(_plain(f"    {problem}"))
    if not boards:
        print("no board has published anything; see --root", file=sys.stderr)
    return 1 if not boards or any(board.problems for board in boards) else 0


def _push(fleet: Fleet, arguments: argparse.Namespace) -> int:
    signed = _read_signed(arguments.file)
    serial = bundles.read(signed.bundle).serial
    online = [board.root for board in fleet.boards() if board.status == "online"]
    if not online:
        raise ApplianceError("no board is online; see --root, and `appliance fleet list`")
    chosen = staged(online, serial, arguments.percent)
    if not arguments.json:
        print(f"bundle {serial}: {len(chosen)} of {len(online)} boards that are online")
    for root in chosen:
        fleet.send(root, signed)
    waiting, failed = set(chosen), 0
    end = time.monotonic() + arguments.limit_s
    while waiting and time.monotonic() < end:
        boards = {board.root: board for board in fleet.boards()}
        for root in sorted(waiting):
            became = _became(boards.get(root), fleet.answer_of(root), serial)
            if became is not None:
                waiting.discard(root)
                failed += became != "active"
                _tell(root, became, as_json=arguments.json)
        time.sleep(LOOK_EVERY_S)
    for root in sorted(waiting):
        _tell(root, f"no result in {arguments.limit_s:g} s", as_json=arguments.json)
    return 1 if failed or waiting else 0


def _read_signed(path: Path) -> SignedBundle:
    try:
        return msgspec.json.decode(path.read_bytes(), type=SignedBundle)
    except (OSError, *UNREADABLE_JSON) as error:
        raise BundleError(f"{path}: this is not a bundle: {error}") from error


def _became(board: FleetBoard | None, answer: Answer | None, serial: int) -> str | None:
    """`active`, or what went wrong; None while it is not known."""
    if answer is not None and answer.state == RequestState.REJECTED:
        return str(answer.message)
    if board is None or board.status != "online":
        return None
    if board.bundle == serial and board.bundle_state == "active":
        return "active"
    if answer is not None and board.bundle_state == "taken_back" and board.bundle != serial:
        return next((one for one in board.problems if "rolled back" in one), "rolled back")
    return None


def _tell(root: str, became: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"root": root, "state": became}), flush=True)
    else:
        print(_plain(f"{root}: {became}"), flush=True)


def _plain(text: str) -> str:
    """Remove control characters, so that the broker's clients cannot control this terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
