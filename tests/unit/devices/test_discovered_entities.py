"""Discovery messages become entities; one bad message never harms another."""

from __future__ import annotations

import json
from typing import Any

import pytest

from appliance.devices.discovered_entities import (
    MAXIMUM_ENTITIES,
    DiscoveredEntities,
    DiscoveryRules,
    matches,
)
from appliance.errors import ServiceRefused

LAMP = {"name": "Lamp", "cmd_t": "lamp/set", "stat_t": "lamp/state", "uniq_id": "lamp1"}


def devices_with(*messages: tuple[str, Any], **rules: Any) -> DiscoveredEntities:
    devices = DiscoveredEntities(DiscoveryRules(**rules))
    for topic, payload in messages:
        devices.receive_discovery(f"homeassistant/{topic}/config", json.dumps(payload).encode())
    return devices


def names(devices: DiscoveredEntities) -> list[str]:
    return [entity.name for entity in devices.entities.values()]


def test_short_and_long_names_of_keys_mean_the_same() -> None:
    long = {"name": "Lamp", "command_topic": "lamp/set", "state_topic": "lamp/state"}
    short = devices_with(("light/a", LAMP)).entities["light a"].config
    assert short["command_topic"] == long["command_topic"]
    assert devices_with(("light/a", long)).entities["light a"].config["state_topic"] == "lamp/state"


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b"[]",
        b"7",
        b"\xff\xfe",
        b'{"name": "x"}',
        b'{"name": [], "cmd_t": "a"}',
        b'{"cmd_t": ""}',
        b'{"cmd_t": "a\\u0000b"}',
        b'{"cmd_t": "a/#"}',
        b'{"cmd_t": "a", "qos": 3}',
        b'{"cmd_t": "a", "schema": "xml"}',
        b'{"cmd_t": "a", "avty": [7]}',
        b'{"cmd_t": "a", "dev": {"name": "no identifier"}}',
        b'{"cmd_t": "a", "o": {}}',
        b'{"cmd_t": "a", "stat_t": "b", "stat_val_tpl": "{% for x in y %}{% endfor %}"}',
        b'{"cmd_t": "a", "bri_scl": 0}',
        b"[" * 100_000,
        b'{"cmd_t": "a", "x": "' + b"x" * 1_000_000 + b'"}',
    ],
)
def test_a_bad_message_leaves_every_entity_as_it_was(payload: bytes) -> None:
    devices = devices_with(("light/a", LAMP), ("light/b", {**LAMP, "uniq_id": "lamp2"}))
    assert not devices.receive_discovery("homeassistant/light/a/config", payload)
    assert not devices.receive_discovery("homeassistant/light/c/config", payload)
    assert names(devices) == ["Lamp", "Lamp"]
    assert devices.refused.total() == 2
    assert "homeassistant/light/c/config" in devices.problems


def test_an_empty_message_removes_and_a_later_one_brings_back() -> None:
    devices = devices_with(("light/a", LAMP))
    assert devices.receive_discovery("homeassistant/light/a/config", b"")
    assert not devices.entities
    assert devices.filters == []
    assert devices.receive_discovery("homeassistant/light/a/config", json.dumps(LAMP).encode())
    assert names(devices) == ["Lamp"]


def test_the_same_message_again_changes_nothing() -> None:
    devices = devices_with(("light/a", LAMP))
    assert not devices.receive_discovery("homeassistant/light/a/config", json.dumps(LAMP).encode())


def test_a_changed_message_keeps_what_is_known_of_the_state() -> None:
    devices = devices_with(("light/a", LAMP))
    devices.receive("lamp/state", b"ON")
    renamed = json.dumps({**LAMP, "name": "Desk lamp"}).encode()
    devices.receive_discovery("homeassistant/light/a/config", renamed)
    (entity,) = devices.entities.values()
    assert (entity.name, entity.state) == ("Desk lamp", "on")
    assert devices.receive("lamp/state", b"OFF") == [entity]


def test_the_second_entity_with_a_unique_id_is_refused_until_the_first_is_gone() -> None:
    devices = devices_with(("light/a", LAMP), ("light/b", {**LAMP, "name": "Other"}))
    assert names(devices) == ["Lamp"]
    devices.receive_discovery("homeassistant/light/a/config", b"")
    devices.receive_discovery("homeassistant/light/b/config", json.dumps(LAMP).encode())
    assert names(devices) == ["Lamp"]


def test_migration_to_the_message_of_a_device_keeps_the_state() -> None:
    devices = devices_with(("light/a", LAMP))
    devices.receive("lamp/state", b"ON")
    devices.receive_discovery("homeassistant/light/a/config", b'{"migrate_discovery": true}')
    whole = {
        "dev": {"ids": "d", "name": "Hall"},
        "o": {"name": "x"},
        "cmps": {"main": {"p": "light", **LAMP}},
    }
    devices.receive_discovery("homeassistant/device/d/config", json.dumps(whole).encode())
    devices.receive_discovery("homeassistant/light/a/config", b"")
    (entity,) = devices.entities.values()
    assert (entity.name, entity.state) == ("Hall Lamp", "on")


def test_a_component_that_is_left_out_of_a_device_stays() -> None:
    about = {"dev": {"ids": "d", "name": "Box"}, "o": {"name": "x"}}
    both = {
        "a": {"p": "switch", "name": "A", "uniq_id": "a", "cmd_t": "a"},
        "b": {"p": "switch", "name": "B", "uniq_id": "b", "cmd_t": "b"},
    }
    devices = devices_with(
        ("device/d", {**about, "cmps": both}), ("device/d", {**about, "cmps": {"a": both["a"]}})
    )
    assert names(devices) == ["Box A", "Box B"]


def test_components_of_other_kinds_are_passed_over_without_complaint() -> None:
    devices = devices_with(("update/a", {"name": "x"}), ("camera/a", {"topic": "t"}))
    assert not devices.entities
    assert not devices.problems


@pytest.mark.parametrize(
    "topic", ["appliance/kitchen/request/command", "$SYS/x", "homeassistant/light/x/config"]
)
def test_no_device_can_send_the_appliance_to_a_protected_topic(topic: str) -> None:
    devices = devices_with(("light/a", {**LAMP, "cmd_t": topic}), root="appliance/kitchen")
    assert not devices.entities


def test_what_the_appliance_declares_itself_is_not_counted() -> None:
    own = {**LAMP, "dev": {"ids": ["appliance-kitchen"], "name": "Kitchen appliance"}}
    devices = devices_with(("light/a", own), own_identifiers=frozenset({"appliance-kitchen"}))
    assert not devices.entities


def test_there_is_a_limit_on_the_number_of_entities() -> None:
    many = [
        (f"switch/s{index}", {"name": f"S{index}", "cmd_t": f"s/{index}"})
        for index in range(MAXIMUM_ENTITIES + 5)
    ]
    devices = devices_with(*many)
    assert len(devices.entities) == MAXIMUM_ENTITIES
    assert devices.refused.total() == 5


def test_a_template_that_fails_costs_only_its_own_entity() -> None:
    broken = {**LAMP, "uniq_id": "x", "stat_val_tpl": "{{ value | float }}"}
    devices = devices_with(("light/a", broken), ("light/b", LAMP))
    for _ in range(20):
        devices.receive("lamp/state", b"ON")
    states = {key: entity.state for key, entity in devices.entities.items()}
    assert states == {"light a": "unknown", "light b": "on"}
    assert devices.entities["light a"].errors == 20


def test_before_its_availability_is_heard_an_entity_is_unavailable() -> None:
    devices = devices_with(("light/a", {**LAMP, "avty_t": "lamp/online"}))
    (entity,) = devices.entities.values()
    devices.receive("lamp/state", b"ON")
    assert entity.state == "unavailable"
    assert entity.plan("light.turn_on", {}).messages == []
    devices.receive("lamp/online", b"online")
    assert entity.state == "on"


def test_planning_changes_nothing_and_assuming_does() -> None:
    devices = devices_with(("light/a", {"name": "Lamp", "cmd_t": "lamp/set"}))
    (entity,) = devices.entities.values()
    plan = entity.plan("light.turn_on", {})
    assert entity.state == "unknown"
    entity.assume(plan)
    assert entity.state == "on"


def test_a_service_with_unknown_or_wrong_data_is_refused() -> None:
    (entity,) = devices_with(("light/a", LAMP)).entities.values()
    for service, data in (
        ("light.turn_on", {"brightness_pct": 101}),
        ("light.turn_on", {"brightness_pct": "much"}),
        ("light.turn_on", {"colour": "red"}),
        ("light.turn_on", {"color_name": "octarine"}),
        ("light.explode", {}),
        ("switch.turn_on", {}),
    ):
        with pytest.raises(ServiceRefused):
            entity.plan(service, data)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "fits"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("+/b", "a/b", True),
        ("#", "$SYS/x", False),
        ("a/+/c", "a/b/d", False),
    ],
)
def test_wildcards_fit_as_in_mqtt(topic_filter: str, topic: str, fits: bool) -> None:  # noqa: FBT001
    assert matches(topic_filter, topic) is fits


@pytest.mark.parametrize("encoding", ["undefined", "idna", "a\0b", "rot13", "no-such"])
def test_no_encoding_that_a_device_names_raises_an_error(encoding: str) -> None:
    devices = devices_with(("light/a", {**LAMP, "e": encoding}))
    assert names(devices) == ["Lamp"]
    for payload in (b"ON", b"\xff", b"a..b"):
        devices.receive("lamp/state", payload)
    assert names(devices) == ["Lamp"]


@pytest.mark.parametrize("key", ["min_temp", "max_temp", "temp_step", "precision"])
def test_a_number_that_is_too_large_is_refused(key: str) -> None:
    devices = devices_with(("climate/a", {"name": "Heater", key: 10**400}))
    assert not devices.entities
    assert devices.refused.total() == 1


def test_a_device_cannot_share_the_messages_of_a_topic_with_others() -> None:
    devices = devices_with(("light/a", {**LAMP, "stat_t": "$share/lamps/state"}))
    assert devices.filters == []


@pytest.mark.parametrize(
    "topic_filter",
    [
        *("#", "+/#", "appliance/#", "appliance/kitchen/request/command", "+/+/request/+"),
        *("appliance/kitchen/+/command", "all/request/command", "appliance/+/request/#"),
    ],
)
def test_no_device_reads_requests_since_the_broker_would_send_them_twice(topic_filter: str) -> None:
    devices = devices_with(
        ("light/a", {**LAMP, "stat_t": topic_filter}),
        root="appliance/kitchen",
        requests=("appliance/+/request/+", "all/request/+"),
    )
    assert devices.filters == []


@pytest.mark.parametrize("topic_filter", ["lamps/+/state", "appliance/kitchen/state", "home/#"])
def test_a_device_may_read_other_topics_with_wildcards(topic_filter: str) -> None:
    devices = devices_with(("light/a", {**LAMP, "stat_t": topic_filter}), root="appliance/kitchen")
    assert devices.filters == [topic_filter]


@pytest.mark.parametrize("topic", ["appliance/hall/request/command", "all/request/command"])
def test_no_device_can_send_the_appliance_to_another_one(topic: str) -> None:
    devices = devices_with(
        ("light/a", {**LAMP, "cmd_t": topic}),
        root="appliance/kitchen",
        requests=("appliance/+/request/+", "all/request/+"),
    )
    assert not devices.entities
