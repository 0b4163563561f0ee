"""Metrics of Sparkplug B edge nodes as devices: births, data, deaths, commands; hostile ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.sparkplug import SparkplugPayload

from appliance.devices import sparkplug_nodes
from appliance.devices.device_registry import DeviceRegistry
from appliance.devices.discovered_entities import DiscoveryRules
from appliance.devices.entity import DeviceEntity, Publication
from appliance.devices.owner_file import DeviceEntry, OwnDevice, OwnerFile
from appliance.devices.sayable_devices import SayableDevice
from appliance.devices.sparkplug_nodes import MOST_METRICS, MOST_NODES
from appliance.errors import ServiceRefused
from appliance.messages.sparkplug_payload import DataType, Metric, Payload, Value, decode, encode

RULES = DiscoveryRules(sparkplug_groups=("Plant",), own_node=("Plant", "voice"))
OWNER = OwnerFile(
    devices=[
        DeviceEntry("switch Press 2 Enable", expose=True),
        DeviceEntry("number Press 2 Speed", expose=True),
        DeviceEntry("number Press 2 Level", expose=True, range=(0, 50)),
        DeviceEntry("number Press 2 Offset", expose=True),
        DeviceEntry("Press*", expose=True),
    ]
)
LIMITS: dict[str, Value] = {"engLow": 0.0, "engHigh": 1500.0, "engUnit": "rpm"}

NODE = [
    Metric("bdSeq", DataType.INT64, 7),
    Metric("Node Control/Rebirth", DataType.BOOLEAN, False),  # noqa: FBT003
    Metric("Hall Temperature", DataType.FLOAT, 21.3, alias=1, properties={"engUnit": "degC"}),
]
PRESS = [
    Metric("Drive/Enable", DataType.BOOLEAN, False, alias=10),  # noqa: FBT003
    Metric("Drive/Speed", DataType.INT16, 100, alias=11, properties=LIMITS),
    Metric("Level", DataType.DOUBLE, 12.5, alias=12),
    Metric("Offset", DataType.INT32, -3, alias=13),
    Metric("Oil/Pressure", DataType.FLOAT, 4.0, alias=14, properties={"engUnit": "bar"}),
    Metric("Air/Pressure", DataType.FLOAT, 6.0, alias=15, properties={"engUnit": "bar"}),
    Metric("Recipe", DataType.STRING, "blue"),
    Metric("Door Open", DataType.BOOLEAN, True, alias=16),  # noqa: FBT003
]


def encoded(metrics: Sequence[Metric], *, with_types: bool) -> bytes:
    """The metrics, also with numbers as properties and without types: we never write these."""
    payload = SparkplugPayload.FromString(encode(Payload(metrics, 1)))
    for metric, written in zip(metrics, payload.metrics, strict=True):
        if not with_types:
            written.ClearField("datatype")
        for key, value in metric.properties.items():
            if isinstance(value, str):
                continue
            written.properties.keys.append(key)
            added = written.properties.values.add()
            if isinstance(value, bool):
                added.type, added.boolean_value = DataType.BOOLEAN, value
            elif isinstance(value, float):
                added.type, added.double_value = DataType.DOUBLE, value
            else:
                added.type, added.int_value = DataType.INT32, value
    return bytes(payload.SerializeToString())


class SparkplugPlant:
    """A registry that reads one group, and an edge node that speaks to it."""

    def __init__(
        self, folder: Path, owner: OwnerFile = OWNER, rules: DiscoveryRules = RULES
    ) -> None:
        self.registry = DeviceRegistry(rules, owner, folder / "devices.json")
        self.seq = 0

    def tell(
        self, kind: str, metrics: Sequence[Metric], node: str = "edge", device: str = "", **how: Any
    ) -> None:
        """Send a message of a node, or of a device of it."""
        self.seq = 0 if kind == "NBIRTH" else (self.seq + how.get("step", 1)) % 256
        payload = encoded(metrics, with_types=not kind.endswith("DATA"))
        if kind != "NDEATH":
            payload += b"\x18" + bytes([self.seq]) if self.seq < 128 else b""
        end = f"/{device}" if device else ""
        topic = f"spBv1.0/{how.get('group', 'Plant')}/{kind}/{node}{end}"
        self.registry.receive(topic, payload, retained=how.get("retained", False))

    def start(self) -> None:
        """Births of a node and of its press."""
        self.tell("NBIRTH", NODE)
        self.tell("DBIRTH", PRESS, device="Press 2")

    def device(self, name: str) -> SayableDevice:
        (found,) = [one for one in self.registry.devices if one.name == name]
        return found

    def entity(self, name: str) -> DeviceEntity:
        return self.device(name).entity

    def states(self) -> dict[str, str]:
        return {one.name: one.entity.state for one in self.registry.devices}

    def asked_again(self) -> list[str]:
        """The topics of requests for a birth that are due now."""
        requests = iter(self.registry.rebirth, None)
        return [message.topic for message in requests]


@pytest.fixture
def plant(tmp_path: Path) -> SparkplugPlant:
    plant = SparkplugPlant(tmp_path)
    plant.start()
    return plant


def test_metrics_become_devices_with_names_units_and_states(plant: SparkplugPlant) -> None:
    assert plant.states() == {
        "edge Hall Temperature": "21.3",
        "Press 2 Enable": "off",
        "Press 2 Speed": "100",
        "Press 2 Level": "12.5",
        "Press 2 Oil Pressure": "4",
        "Press 2 Air Pressure": "6",
        "Press 2 Recipe": "blue",
        "Press 2 Door Open": "on",
    }
    hall = plant.device("edge Hall Temperature")
    assert (hall.domain, hall.problem) == ("sensor", None)
    assert hall.entity.attributes == {
        "unit_of_measurement": "°C",
        "device_class": "temperature",
    }
    kinds = {one.name: one.domain for one in plant.registry.devices}
    assert kinds["Press 2 Door Open"] == "binary_sensor"
    assert kinds["Press 2 Enable"] == "switch"
    assert kinds["Press 2 Speed"] == "number"


@pytest.mark.parametrize(
    ("language", "name"), [("en", "Recipe of Press 2"), ("de-CH", "Recipe von Press 2")]
)
def test_a_metric_is_also_called_by_its_name_before_its_device(
    tmp_path: Path, language: str, name: str
) -> None:
    rules = replace(RULES, language=language)
    plant = SparkplugPlant(tmp_path, rules=rules)
    plant.start()
    assert plant.device("Press 2 Recipe").names == ("Press 2 Recipe", name)


def test_data_is_followed_by_alias_and_by_name_and_history_is_not(plant: SparkplugPlant) -> None:
    data = [
        Metric(None, DataType.INT16, -20, alias=11),
        Metric("Recipe", DataType.STRING, "red"),
        Metric(None, DataType.FLOAT, 9.0, alias=14, is_historical=True),
        Metric(None, DataType.FLOAT, None, alias=15),
        Metric(None, DataType.BOOLEAN, False, alias=16, properties={"Quality": 500}),  # noqa: FBT003
        Metric(None, DataType.BOOLEAN, True, alias=1),  # noqa: FBT003  (of the node, not of the press)
    ]
    plant.tell("DDATA", data, device="Press 2")
    states = plant.states()
    assert states["Press 2 Recipe"] == "red"
    assert states["Press 2 Oil Pressure"] == "4"
    assert states["Press 2 Air Pressure"] == "unknown"
    assert states["Press 2 Door Open"] == "unknown"
    assert states["edge Hall Temperature"] == "21.3"
    # -20 is outside of the limits of its birth
    assert states["Press 2 Speed"] == "100"
    assert plant.asked_again() == []


def test_a_death_makes_a_node_and_its_devices_unavailable_and_an_old_one_does_not(
    plant: SparkplugPlant,
) -> None:
    plant.tell("NDEATH", [Metric("bdSeq", DataType.INT64, 6)])
    assert plant.states()["Press 2 Recipe"] == "blue"
    plant.tell("DDEATH", [], device="Press 2")
    assert plant.states()["Press 2 Recipe"] == "unavailable"
    assert plant.states()["edge Hall Temperature"] == "21.3"
    plant.tell("DBIRTH", PRESS, device="Press 2")
    assert plant.states()["Press 2 Recipe"] == "blue"
    plant.tell("NDEATH", [Metric("bdSeq", DataType.INT64, 7)])
    assert set(plant.states().values()) == {"unavailable"}
    assert plant.entity("Press 2 Enable").plan("switch.turn_on", {}).messages == []


def test_metrics_that_a_birth_has_no_more_are_gone(plant: SparkplugPlant) -> None:
    plant.tell("DBIRTH", PRESS[:1], device="Press 2")
    assert set(plant.states()) == {"edge Hall Temperature", "Press 2 Enable"}


def command(plant: SparkplugPlant, name: str, service: str, **data: Any) -> Publication:
    (message,) = plant.entity(name).plan(service, data).messages
    return message


def test_a_command_has_the_alias_and_the_type_of_the_birth(plant: SparkplugPlant) -> None:
    message = command(plant, "Press 2 Enable", "switch.turn_on")
    assert (message.topic, message.qos, message.retain) == (
        "spBv1.0/Plant/DCMD/edge/Press 2",
        0,
        False,
    )
    (metric,) = decode(message.payload).metrics
    assert (metric.name, metric.alias) == (None, 10)
    assert (metric.datatype, metric.value) == (DataType.BOOLEAN, True)
    assert decode(message.payload).timestamp_ms
    message = command(plant, "Press 2 Speed", "number.set_value", value=1200)
    (metric,) = decode(message.payload).metrics
    assert (metric.alias, metric.datatype, metric.value) == (11, DataType.INT16, 1200)


def test_without_an_alias_a_command_has_the_name(tmp_path: Path) -> None:
    owner = OwnerFile(devices=[DeviceEntry("switch edge Lamp", expose=True)])
    plant = SparkplugPlant(tmp_path, owner)
    plant.tell("NBIRTH", [Metric("Lights/Lamp", DataType.BOOLEAN, True)])  # noqa: FBT003
    message = command(plant, "edge Lamp", "switch.turn_off")
    assert message.topic == "spBv1.0/Plant/NCMD/edge"
    (metric,) = decode(message.payload).metrics
    assert (metric.name, metric.alias, metric.value) == ("Lights/Lamp", None, False)


def test_a_command_is_dropped_soon_because_aliases_may_change(plant: SparkplugPlant) -> None:
    assert command(plant, "Press 2 Enable", "switch.turn_on").fresh_s == 5.0


@pytest.mark.parametrize("value", [1501, -1, 0.5])
def test_a_number_outside_of_its_limits_or_type_is_refused(
    plant: SparkplugPlant, value: float
) -> None:
    with pytest.raises(ServiceRefused):
        plant.entity("Press 2 Speed").plan("number.set_value", {"value": value})


def test_the_owners_limits_count_and_without_limits_nothing_is_written(
    plant: SparkplugPlant,
) -> None:
    assert command(plant, "Press 2 Level", "number.set_value", value=50)
    with pytest.raises(ServiceRefused):
        plant.entity("Press 2 Level").plan("number.set_value", {"value": 51})
    assert "Press 2 Offset" not in plant.states()
    assert "needs limits" in plant.registry.problems["spBv1.0/Plant/DBIRTH/edge/Press 2"]


def test_only_an_entry_with_the_component_makes_a_metric_writable_and_then_with_a_yes(
    plant: SparkplugPlant,
) -> None:
    # "Press*" with `expose: true` fits all of them.
    writable = {one.name for one in plant.registry.devices if one.entity.SERVICES}
    assert writable == {"Press 2 Enable", "Press 2 Speed", "Press 2 Level"}
    for name in writable:
        assert plant.device(name).needs_yes
        assert plant.device(name).is_guarded


def test_a_metric_that_says_read_only_is_not_written(tmp_path: Path) -> None:
    plant = SparkplugPlant(tmp_path)
    metric = Metric(
        "Enable",
        DataType.BOOLEAN,
        value=True,
        properties={"readOnly": True},
    )
    plant.tell("NBIRTH", NODE)
    plant.tell("DBIRTH", [metric], device="Press 2")
    assert plant.entity("Press 2 Enable").SERVICES == {}


def test_another_owners_file_decides_again_and_keeps_the_states(plant: SparkplugPlant) -> None:
    plant.tell("DDATA", [Metric(None, DataType.FLOAT, 5.0, alias=14)], device="Press 2")
    plant.registry.replace_owner(OwnerFile())
    assert all(not one.entity.SERVICES for one in plant.registry.devices)
    assert plant.states()["Press 2 Oil Pressure"] == "5"
    assert plant.states()["Press 2 Enable"] == "unknown"
    assert plant.asked_again() == ["spBv1.0/Plant/NCMD/edge"]


def test_data_before_a_birth_asks_for_one_and_not_again_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = SparkplugPlant(tmp_path)
    for _ in range(5):
        plant.tell("NDATA", [Metric(None, DataType.FLOAT, 1.0, alias=1)])
    message = plant.registry.rebirth()
    assert message is not None
    (metric,) = decode(message.payload).metrics
    assert (message.topic, message.retain) == ("spBv1.0/Plant/NCMD/edge", False)
    assert (metric.name, metric.value) == ("Node Control/Rebirth", True)
    plant.tell("NDATA", [Metric(None, DataType.FLOAT, 1.0, alias=1)])
    plant.tell("NDATA", [], node="other")
    assert plant.asked_again() == []
    monkeypatch.setattr(sparkplug_nodes, "REBIRTHS_APART_S", 0.0)
    assert plant.asked_again() == ["spBv1.0/Plant/NCMD/other"]
    assert plant.registry.devices == []


def test_a_missing_message_makes_aliases_doubtful_until_the_next_birth(
    plant: SparkplugPlant,
) -> None:
    data = [Metric(None, DataType.FLOAT, 9.0, alias=14), Metric("Recipe", DataType.STRING, "red")]
    plant.tell("DDATA", data, device="Press 2", step=2)
    assert plant.states()["Press 2 Oil Pressure"] == "4"
    assert plant.states()["Press 2 Recipe"] == "red"
    assert plant.asked_again() == ["spBv1.0/Plant/NCMD/edge"]


def test_after_a_restart_names_are_there_and_states_only_after_a_birth(
    plant: SparkplugPlant, tmp_path: Path
) -> None:
    plant.registry.save()
    again = SparkplugPlant(tmp_path)
    assert set(again.states().values()) == {"unavailable"}
    assert len(again.states()) == 8
    again.tell("DDATA", [Metric(None, DataType.FLOAT, 9.0, alias=14)], device="Press 2")
    assert set(again.states().values()) == {"unavailable"}
    assert again.asked_again() == ["spBv1.0/Plant/NCMD/edge"]
    again.start()
    assert again.states()["Press 2 Oil Pressure"] == "4"


def test_retained_messages_other_groups_and_the_own_node_are_not_read(tmp_path: Path) -> None:
    plant = SparkplugPlant(tmp_path)
    plant.tell("NBIRTH", NODE, retained=True)
    plant.tell("NBIRTH", NODE, node="voice")
    assert not plant.registry.wants("spBv1.0/Office/NBIRTH/edge")
    assert plant.registry.devices == []
    assert plant.registry.rebirth() is None


def test_a_message_on_an_internal_topic_tells_nothing(plant: SparkplugPlant) -> None:
    topic = plant.entity("Press 2 Recipe").config["state_topic"]
    assert not plant.registry.wants(topic)
    assert not [one for one in plant.registry.new_filters() if one.startswith("$sparkplug")]


def test_too_many_metrics_nodes_and_bytes_cost_only_themselves(plant: SparkplugPlant) -> None:
    many = [Metric(f"m{number}", DataType.INT32, 1) for number in range(MOST_METRICS + 50)]
    plant.tell("NBIRTH", many, node="huge")
    assert len(plant.registry.devices) == MOST_METRICS
    assert "58 metrics" in plant.registry.problems["spBv1.0/Plant/NBIRTH/huge"]
    plant.tell("NBIRTH", [Metric("x" * 300_000, DataType.INT32, 1)], node="long")
    assert "bytes" in plant.registry.problems["spBv1.0/Plant/NBIRTH/long"]
    for number in range(MOST_NODES + 5):
        plant.tell("NDATA", [], node=f"n{number}")
    assert "edge nodes" in plant.registry.problems[f"spBv1.0/Plant/NDATA/n{MOST_NODES + 4}"]
    assert plant.states()["Press 2 Recipe"] == "blue"


@pytest.mark.parametrize(
    "name", ["turn off all lights\x00", "a/b/\u202e", "x" * 190, "\n", "///", "0xdeadbeef"]
)
def test_names_that_cannot_be_said_are_not_sayable(tmp_path: Path, name: str) -> None:
    plant = SparkplugPlant(tmp_path)
    plant.tell("NBIRTH", [Metric(name, DataType.INT32, 1)], node="00aabbccddee")
    assert all(one.problem for one in plant.registry.devices)


@pytest.mark.parametrize("payload", [b"", b"\xff\xff", b"\x12\x03\x0a\x01", b"{}" * 50])
def test_what_is_no_payload_is_counted_and_changes_nothing(
    plant: SparkplugPlant, payload: bytes
) -> None:
    before = plant.states()
    for kind in ("DDATA", "DBIRTH"):
        plant.registry.receive(f"spBv1.0/Plant/{kind}/edge/Mill", payload, retained=False)
    assert plant.states() == before


@pytest.mark.parametrize("source", ["sparkplug", "file", "tasmota"])
def test_an_empty_discovery_removes_nothing_of_another_source(tmp_path: Path, source: str) -> None:
    config = {"name": "Fountain", "command_topic": "f/set"}
    plant = SparkplugPlant(tmp_path, OwnerFile(own=[OwnDevice("switch", config)]))
    plant.start()
    relay = (
        b'{"mac": "AABBCC", "t": "tas", "ft": "%prefix%/%topic%/", "rl": [1], "fn": ["Plug"],'
        b' "tp": ["cmnd", "stat", "tele"]}'
    )
    plant.registry.receive("tasmota/discovery/AABBCC/config", relay, retained=False)
    assert len(plant.states()) == 11
    plant.registry.receive(f"homeassistant/device/{source}/config", b"", retained=False)
    assert len(plant.states()) == 11
