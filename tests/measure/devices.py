"""Runs rows of device behaviour (discovery, service, messages, states) through the real code.

    python tests/measure/devices.py ROWS.jsonl [--verbose]

A row is what Home Assistant did with a discovery message: `discovery_topic`, `config`,
`discovery_then`, `before`, `service`, `expected`, `refused`, `state_after_service`, `state_in`,
`state_expected`, `names_expected`. The last line is `equal N of M`; the status is 0 if all are
equal, or listed in DECISIONS with the reason.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from appliance.devices.discovered_entities import DiscoveredEntities, DiscoveryRules
from appliance.errors import ServiceRefused

DECISIONS: dict[str, str] = {}
"""Rows on which we differ on purpose, by id, with the reason."""


def run_row(row: dict[str, Any]) -> list[str]:
    """The differences between a row and what the appliance does; none if it is equal."""
    devices = DiscoveredEntities(DiscoveryRules())
    _discover(devices, row["discovery_topic"], row["config"])
    for message in row.get("discovery_then", []):
        _discover(devices, message["topic"], message["payload"])
    _receive(devices, row.get("before", []))
    differences = []
    if "service" in row:
        differences += _compare_service(devices, row)
    differences += _compare_states(devices, row.get("state_after_service", {}), "after service")
    _receive(devices, row.get("state_in", []))
    wanted = row.get("state_expected", {})
    differences += _compare_states(devices, {n: s["state"] for n, s in wanted.items()}, "state")
    for name, state in wanted.items():
        for attribute, value in state.get("attributes", {}).items():
            found = _entity(devices, name)
            now = None if found is None else found.attributes.get(attribute)
            if not _same(now, value):
                differences.append(f"{name}: {attribute} is {now!r}, not {value!r}")
    names = sorted(entity.name for entity in devices.entities.values())
    if "names_expected" in row and names != sorted(row["names_expected"]):
        differences.append(f"the names are {names}, not {sorted(row['names_expected'])}")
    return differences


def _discover(devices: DiscoveredEntities, topic: str, payload: Any) -> None:
    encoded = payload if isinstance(payload, str) else json.dumps(payload)
    devices.receive_discovery(topic, encoded.encode())


def _receive(devices: DiscoveredEntities, messages: list[dict[str, Any]]) -> None:
    for message in messages:
        retained = bool(message.get("retain"))
        devices.receive(message["topic"], message["payload"].encode(), retained=retained)


def _entity(devices: DiscoveredEntities, name: str) -> Any:
    return next((one for one in devices.entities.values() if one.name == name), None)


def _compare_service(devices: DiscoveredEntities, row: dict[str, Any]) -> list[str]:
    service, domain = row["service"], row["service"]["name"].partition(".")[0]
    sent, refused = [], False
    for entity in devices.entities.values():
        if entity.component == domain:
            try:
                plan = entity.plan(service["name"], dict(service["data"]))
            except ServiceRefused:
                refused = True
            else:
                sent += plan.messages
                entity.assume(plan)
    differences = []
    if refused != bool(row.get("refused")):
        differences.append(f"refused is {refused}")
    wanted = row["expected"]
    if len(sent) != len(wanted) or not all(map(_same_message, sent, wanted)):
        differences.append(f"sent {sent}, not {wanted}")
    return differences


def _same_message(sent: Any, wanted: dict[str, Any]) -> bool:
    payload = sent.payload.decode()
    if wanted["compare"] == "json":
        equal = msgspec.json.decode(payload) == msgspec.json.decode(wanted["payload"])
    else:
        equal = payload == wanted["payload"]
    names = ("topic", "qos", "retain")
    return bool(equal and all(getattr(sent, name) == wanted[name] for name in names))


def _compare_states(devices: DiscoveredEntities, states: dict[str, str], when: str) -> list[str]:
    differences = []
    for name, state in states.items():
        entity = _entity(devices, name)
        now = None if entity is None else entity.state
        if now != state:
            differences.append(f"{when}: {name} is {now!r}, not {state!r}")
    return differences


def _same(now: Any, wanted: Any) -> bool:
    return bool((list(now) if isinstance(now, tuple) else now) == wanted)


def main() -> int:
    """Run every row of a file; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=Path)
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    rows = [json.loads(line) for line in arguments.rows.read_text("utf-8").splitlines() if line]
    equal, open_rows = 0, 0
    began = time.perf_counter()
    for row in rows:
        differences = run_row(row)
        equal += not differences
        if differences and row["id"] in DECISIONS:
            print(f"{row['id']}: decided otherwise: {DECISIONS[row['id']]}")
        elif differences:
            open_rows += 1
            print(f"{row['id']} ({row['component']}): {'; '.join(differences)[:400]}")
    print(f"{len(rows)} rows in {time.perf_counter() - began:.2f} s")
    print(f"equal {equal} of {len(rows)}")
    return 0 if not open_rows else 1


if __name__ == "__main__":
    sys.exit(main())
