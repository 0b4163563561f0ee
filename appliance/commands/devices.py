"""`appliance devices`: what was found on the broker, and what a sentence would publish."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from appliance import config as configuration
from appliance.commands.action_parsers import add_actions
from appliance.daemon.device_wiring import open_devices
from appliance.devices.confirmation_rules import ConfirmationRules
from appliance.devices.entity import Publication
from appliance.devices.intent_plan import asked_of, has_actions, moves_devices
from appliance.errors import DeviceError, ServiceRefused
from appliance.pipeline.pipeline_factory import load_sentences
from appliance.sentences.active_sentences import ActiveSentences

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from appliance.config import Config
    from appliance.devices.device_registry import DeviceRegistry
    from appliance.devices.intent_plan import Asked
    from appliance.devices.sayable_devices import SayableDevice

NOTHING = "no device is known yet: set devices.discovery, and start the daemon once"
READ_ONLY = 'devices.discovery is "read": set it to "act", or nothing of this is sent'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions of `appliance devices`."""
    parser.epilog = """\
It shows what the daemon has found and kept; it does not connect to the
broker and publishes nothing.

Examples:
  appliance devices list
  appliance devices show "Kitchen lamp"
  appliance devices test "turn on the kitchen lamp"

Exit status: 0 done, 1 no such device, or (test) nothing would be sent."""
    actions = add_actions(
        parser,
        {
            "list": "every device: name, room, state, and why one cannot be said",
            "show": "all that is known of a device",
            "test": "what a sentence would publish; nothing is sent",
        },
    )
    for action in actions:
        action.add_argument("--json", action="store_true", help="JSON")
    _, show, test = actions
    show.add_argument("name", help="its name, or a part of it")
    test.add_argument("sentence", nargs="+", metavar="SENTENCE", help="a sentence")


def run(arguments: argparse.Namespace) -> int:
    """Run the action; returns the exit status."""
    config = configuration.load(arguments.config)
    registry = open_devices(config)
    if registry is not None and arguments.action == "test":
        sentence = " ".join(arguments.sentence)
        return _test(config, registry, sentence, as_json=arguments.json)
    if registry is None or not (registry.devices or registry.problems):
        print(NOTHING, file=sys.stderr)
        return 1
    if arguments.action == "list":
        return _list(registry, as_json=arguments.json)
    return _show(registry, arguments.name, as_json=arguments.json)


def described(device: SayableDevice) -> dict[str, Any]:
    """A device as a JSON object."""
    return {
        "name": device.name,
        "names": list(device.names),
        "component": device.domain,
        "device_class": device.entity.device_class,
        "area": device.area,
        "area_is_guess": device.area_is_guess,
        "floor": device.floor,
        "confirm": device.needs_yes,
        "state": device.entity.state,
        "problem": device.problem,
    }


def _list(registry: DeviceRegistry, *, as_json: bool) -> int:
    if as_json:
        devices = [described(device) for device in registry.devices]
        print(json.dumps({"devices": devices, "problems": registry.problems}, ensure_ascii=False))
        return 0
    for device in registry.devices:
        guess = " (guess)" if device.area_is_guess else ""
        place = f", {device.area}{guess}" if device.area else ""
        print(f"{device.name} ({device.domain}{place}): {device.entity.state}")
        if device.problem:
            print(f"    cannot be said: {device.problem}")
    entities = [device.entity for device in registry.devices]
    for entry in registry.owner.unused_entries(entities):
        print(f"in your file, but fits no device: {entry.device}")
    for topic, problem in registry.problems.items():
        print(f"not used: {topic}: {problem}")
    return 0


def _show(registry: DeviceRegistry, name: str, *, as_json: bool) -> int:
    wanted = name.casefold()
    found = [one for one in registry.devices if wanted in one.entity.name.casefold()]
    found = found or [one for one in registry.devices if wanted in one.name.casefold()]
    if not found:
        print(f"there is no device with {name!r} in its name", file=sys.stderr)
        return 1
    for device in found:
        everything = {
            **described(device),
            "attributes": device.entity.attributes,
            "services": list(device.entity.SERVICES),
            "topics": device.entity.filters,
        }
        if as_json:
            print(json.dumps(everything, ensure_ascii=False, default=str))
            continue
        for key, value in everything.items():
            print(f"{key}: {value}")
        print()
    return 0


def _test(config: Config, registry: DeviceRegistry, sentence: str, *, as_json: bool) -> int:
    sentences = load_sentences(config, registry.lists())
    intent = sentences.parse(sentence)
    if intent is None:
        print("no sentence fits: see appliance intents test", file=sys.stderr)
        return 1
    declared = sentences.declared.get(intent.name)
    if not moves_devices(intent.name) and not has_actions(declared):
        print(f"{intent.name}: this intent tells no device what to do", file=sys.stderr)
        return 1
    language = config.device.language
    if config.devices.discovery != "act":
        print(READ_ONLY, file=sys.stderr)
    try:
        asked = asked_of(
            intent,
            declared,
            registry.devices,
            registry.rules,
            text=sentence,
            language=language,
        )
        messages = [message for one in asked for message in _messages(one)]
        if ConfirmationRules(ActiveSentences(sentences), registry).commands_need_yes(
            [intent], sentence, language
        ):
            print("after a yes:", file=sys.stderr)
    except DeviceError as error:
        print(error, file=sys.stderr)
        return 1
    for message in messages:
        if as_json:
            print(json.dumps(message, ensure_ascii=False))
        else:
            flags = f"QoS {message['qos']}" + (", retained" if message["retain"] else "")
            print(f"{message['device']}: {message['topic']} {message['payload']} ({flags})")
    return 0 if messages else 1


def _messages(asked: Asked) -> Iterator[dict[str, Any]]:
    if isinstance(asked, Publication):
        yield _shown(asked.topic, asked)
        return
    device, call = asked
    if device.is_read_only:
        raise ServiceRefused(f"the owner's file forbids to switch {device.name}")
    if not device.entity.is_available:
        print(f"{device.name} cannot be reached", file=sys.stderr)
    for message in device.entity.plan(call.name, dict(call.data)).messages:
        yield _shown(device.name, message)


def _shown(name: str, message: Publication) -> dict[str, Any]:
    return {
        "device": name,
        "topic": message.topic,
        "payload": message.payload.decode("utf-8", "replace"),
        "qos": message.qos,
        "retain": message.retain,
    }
