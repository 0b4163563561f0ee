"""The command line: `appliance-slot` for the owner, the rest for the image's own units."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from appliance_image import bundle, grow, signature
from appliance_image.appliance_calls import Appliance
from appliance_image.boards import board_of
from appliance_image.errors import Failed, Refused
from appliance_image.health import Health
from appliance_image.slots import Places
from appliance_image.start import Start
from appliance_image.system import System
from appliance_image.update import Slots

if TYPE_CHECKING:
    from collections.abc import Callable


def main(arguments: list[str] | None = None) -> int:
    """0 done, 1 failed, 2 wrong use."""
    asked = _parser().parse_args(arguments)
    os.umask(0o022)  # the service reads what is written here; what it may not has a mode of its own
    act: Callable[[argparse.Namespace], None] = asked.act
    try:
        act(asked)
    except (Refused, Failed, OSError) as failure:
        print(f"{failure}", file=sys.stderr)
        return 1
    return 0


def _slots() -> Slots:
    places = Places()
    return Slots(places, board_of(places))


def _start() -> Start:
    appliance = Appliance()
    return Start(System(appliance), _slots(), Health(appliance))


def _status(asked: argparse.Namespace) -> None:
    facts = _slots().status()
    if asked.json:
        print(json.dumps(facts, indent=1))
        return
    for name, value in facts.items():
        print(f"{name:<13} {value if isinstance(value, str) else json.dumps(value)}")


def _install(asked: argparse.Namespace) -> None:
    if asked.file == "-":
        _slots().install(sys.stdin.buffer, allow_older=asked.allow_older)
        return
    with Path(asked.file).open("rb") as source:
        _slots().install(source, allow_older=asked.allow_older)


def _try(_asked: argparse.Namespace) -> None:
    _slots().try_other(Appliance().errors())


def _roll_back(_asked: argparse.Namespace) -> None:
    slots = _slots()
    slots.roll_back(known_errors=() if slots.on_trial else Appliance().errors())


def _deadline(_asked: argparse.Namespace) -> None:
    slots = _slots()
    if slots.on_trial:
        slots.roll_back("it was not ready in time")


def _pack(asked: argparse.Namespace) -> None:
    images = {"boot.img": asked.boot, "system.img": asked.system}
    manifest = bundle.Manifest(
        version=asked.version,
        built=asked.built,
        boards=tuple(asked.board),
        parts={name: bundle.part_of(path) for name, path in images.items()},
    )
    with asked.output.open("wb") as target:
        bundle.write(target, manifest, images, asked.key)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="appliance-slot", description=__doc__)
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    def action(name: str, what: str, act: Callable[..., object]) -> argparse.ArgumentParser:
        one = actions.add_parser(name, help=what, description=what)
        one.set_defaults(act=act)
        return one

    status = action(
        "status", "what runs, what is started next, what lies in the other slot", _status
    )
    status.add_argument("--json", action="store_true", help="one JSON document")
    install = action("install", "write an update file into the slot that does not run", _install)
    install.add_argument("file", metavar="FILE", help="the update file; - reads it as it comes")
    install.add_argument("--allow-older", action="store_true", help="also one older than what runs")
    action("try", "restart into the other slot, once", _try)
    action("commit", "keep what runs", lambda _: _slots().commit())
    action(
        "rollback",
        "leave what is being tried, or try the version before",
        _roll_back,
    )
    action(
        "settings",
        "apply the owner's folder now (at each start by itself)",
        lambda _: _start().before(),
    )
    action(
        "verdict",
        "wait for the appliance; keep or leave a tried slot (by itself)",
        lambda _: _start().after(),
    )
    action("deadline", "leave a tried slot that has not been kept (by itself)", _deadline)
    action("renew", "make the page's certificate again before its end (by itself)", _renew)
    action("grow", "let the last partition fill the card (by itself)", _grow)
    _add_makers(action)
    return parser


def _renew(_asked: argparse.Namespace) -> None:
    print("made again" if _start().renew() else "the page's certificate is still good")


def _grow(_asked: argparse.Namespace) -> None:
    print(grow.grow(Places().partitions / "persistent"))


def _add_makers(
    action: Callable[[str, str, Callable[..., object]], argparse.ArgumentParser],
) -> None:
    """For the build, which has no slots."""
    key = action("make-key", "a pair of keys to sign updates with", _make_key)
    key.add_argument("private", type=Path)
    key.add_argument("public", type=Path)
    pack = action("pack", "make an update file", _pack)
    pack.add_argument("--version", required=True)
    pack.add_argument(
        "--built", required=True, metavar="TIME", help="UTC, as 2026-01-31T12:00:00+00:00"
    )
    pack.add_argument("--board", action="append", required=True, choices=("pi4", "pi5", "virt"))
    for name in ("boot", "system", "key", "output"):
        pack.add_argument(f"--{name}", type=Path, required=True, metavar="FILE")


def _make_key(asked: argparse.Namespace) -> None:
    signature.make_key(asked.private, asked.public)


if __name__ == "__main__":
    sys.exit(main())
