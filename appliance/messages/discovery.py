"""The discovery message by which Home Assistant finds the appliance.

It is the "device discovery payload" of Home Assistant's MQTT integration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appliance import __version__
from appliance.messages.timer_payloads import TimerChange
from appliance.values import Activity, Message, Outcome, Pace, encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appliance.config import Config
    from appliance.messages.announcement_record import AnnouncedDevice
    from appliance.messages.topics import Topics

LONGEST_TEXT = 4000
"""Maximum length of a text in an event; Home Assistant's recorder drops attributes above 16 kB."""

MISSED_TELEMETRY = 3
"""Number of missing messages after which Home Assistant shows values as unavailable."""

JOULES_PER_WATT_HOUR = 3600

DIAGNOSTIC = {"entity_category": "diagnostic"}
MEASURED = {"state_class": "measurement"}

EVENT = """{{ {
  'event_type': value_json.outcome,
  'text': (value_json.text or '')[:%(longest)d],
  'answer': (value_json.answer or '')[:%(longest)d],
  'intent': (value_json.intent or {}).get('name'),
  'slots': (value_json.intent or {}).get('slots'),
  'intents': value_json.intents | default([value_json.intent] if value_json.intent else []),
  'confidence': value_json.confidence,
  'language': value_json.language,
  'source': value_json.source,
  'reason': value_json.reason,
  'id': value_json.id
} | to_json }}""" % {"longest": LONGEST_TEXT}  # noqa: UP031  (full of braces)

TIMER_EVENT = """{{ {
  'event_type': value_json.change,
  'kind': value_json.timer.kind,
  'name': value_json.timer.name,
  'area': value_json.timer.area,
  'text': (value_json.timer.text or '')[:%(longest)d],
  'timer': value_json.timer.id,
  'id': value_json.id
} | to_json }}""" % {"longest": LONGEST_TEXT}  # noqa: UP031  (full of braces)


def discovery(
    config: Config, topics: Topics, intents: Iterable[str], announced: AnnouncedDevice
) -> Message:
    """Return the retained message from which Home Assistant creates device and entities.

    Each of `intents` is a trigger of the device. A component of `announced` that does not exist any
    more has only its platform, which removes it.
    """
    device = {
        "identifiers": [announced.object_id],
        "name": config.name,
        "manufacturer": "appliance",
        "model": "offline voice appliance",
        "sw_version": __version__,
    }
    availability = {
        "topic": topics.status,
        # Home Assistant knows only two words; `stopped` means not available, too.
        "value_template": "{{ 'online' if value == 'online' else 'offline' }}",
    }
    payload = {
        "device": device,
        "origin": {"name": "appliance", "sw_version": __version__},
        "availability": [availability],
        "qos": 1,
        "components": {
            **{name: {"platform": platform} for name, platform in announced.components.items()},
            **{
                name: component | {"unique_id": f"{announced.object_id}_{name}"}
                if len(component) > 1
                else component
                for name, component in _components(config, topics).items()
            },
            **_triggers(topics, intents),
        },
    }
    topic = discovery_topic(config.home_assistant.prefix, announced)
    return Message(topic, encode(payload), retain=True)


def removal(announced: AnnouncedDevice) -> Message:
    """Return the retained message with which Home Assistant deletes device and entities."""
    topic = discovery_topic(announced.prefix, announced)
    return Message(topic, b"", retain=True, content_type=None)


def discovery_topic(prefix: str, announced: AnnouncedDevice) -> str:
    """Return the topic of this device's discovery message."""
    return f"{prefix}/device/{announced.object_id}/config"


def _triggers(topics: Topics, intents: Iterable[str]) -> dict[str, dict[str, Any]]:
    """One trigger for each intent; `intent/<Name>` is not retained, so it fires only at once."""
    return {
        f"intent_{name}": {
            "platform": "device_automation",
            "automation_type": "trigger",
            "type": "intent",
            "subtype": name,
            "topic": topics.intent(name),
        }
        for name in sorted(intents)
    }


def _components(config: Config, topics: Topics) -> dict[str, dict[str, Any]]:
    return (
        _results(topics)
        | _timers(topics)
        | _controls(config, topics)
        | _state(topics)
        | _health(topics)
        | _telemetry(
            topics, expire_after=max(30, round(MISSED_TELEMETRY * config.telemetry.every_s))
        )
    )


def _results(topics: Topics) -> dict[str, dict[str, Any]]:
    return {
        "result": {
            "platform": "event",
            "name": "Result",
            "icon": "mdi:account-voice",
            "state_topic": topics.result,
            "event_types": [str(outcome) for outcome in Outcome],
            "value_template": EVENT,
        }
    }


def _timers(topics: Topics) -> dict[str, dict[str, Any]]:
    listed = {"state_topic": topics.timers}
    next_due = "(value_json.timers | map(attribute='due_at') | select | list | first) | default"
    return {
        "timer": {
            "platform": "event",
            "name": "Timer",
            "icon": "mdi:timer-outline",
            "state_topic": topics.timer("+"),
            "event_types": [str(change) for change in TimerChange],
            "value_template": TIMER_EVENT,
        },
        "timers": {
            "platform": "sensor",
            "name": "Timers",
            "icon": "mdi:timer-outline",
            "value_template": "{{ value_json.timers | length }}",
            **listed,
            **MEASURED,
        },
        "next_timer": {
            "platform": "sensor",
            "name": "Next timer",
            "device_class": "timestamp",
            "value_template": f"{{{{ {next_due}(none) }}}}",
            **listed,
        },
    }


def _controls(config: Config, topics: Topics) -> dict[str, dict[str, Any]]:
    # The log has spoken words at level debug, so only the configuration allows that level.
    levels = ["debug"] if config.log.level == "debug" else []
    controls: dict[str, dict[str, Any]] = {
        "log_level": {
            "platform": "select",
            "name": "Log level",
            "entity_category": "config",
            "options": [*levels, "info", "warning", "error"],
            "state_topic": topics.info,
            "value_template": "{{ value_json.options.log_level }}",
            "command_topic": topics.request("options"),
            "command_template": '{"log_level": "{{ value }}"}',
        },
        "muted": {
            "platform": "switch",
            "name": "Muted",
            "icon": "mdi:microphone-off",
            "entity_category": "config",
            "state_topic": topics.info,
            "value_template": "{{ 'ON' if value_json.options.get('muted') else 'OFF' }}",
            "state_on": "ON",
            "state_off": "OFF",
            "command_topic": topics.request("microphone"),
            "payload_on": '{"muted": true}',
            "payload_off": '{"muted": false}',
        },
        "listen": {
            "platform": "button",
            "name": "Listen",
            "icon": "mdi:ear-hearing",
            "command_topic": topics.request("listen"),
            "payload_press": "{}",
        },
    }
    controls |= {
        "say": {
            "platform": "notify",
            "name": "Say",
            "command_topic": topics.request("say"),
            "command_template": "{{ {'text': value} | to_json }}",
        },
        "ask": {
            "platform": "notify",
            "name": "Ask the language model",
            "command_topic": topics.request("answer"),
            "command_template": "{{ {'text': value} | to_json }}",
        },
    }
    closed = {
        name
        for name, control in controls.items()
        if control["command_topic"].rpartition("/")[2] not in config.mqtt.operations
    }
    if config.speaking.engine == "off":
        closed.add("say")
    if not config.language_model.enabled:
        closed.add("ask")
    # Home Assistant keeps components that are left out, and removes those with only a platform.
    return {
        name: {"platform": control["platform"]} if name in closed else control
        for name, control in controls.items()
    }


def _state(topics: Topics) -> dict[str, dict[str, Any]]:
    return {
        "state": {
            "platform": "sensor",
            "name": "State",
            "device_class": "enum",
            "options": [str(activity) for activity in Activity],
            "state_topic": topics.state,
            "value_template": "{{ value_json.activity }}",
        },
        "pace": {
            "platform": "sensor",
            "name": "Pace",
            "device_class": "enum",
            "options": [str(pace) for pace in Pace],
            "state_topic": topics.state,
            "value_template": "{{ value_json.pace }}",
        }
        | DIAGNOSTIC,
    }


def _health(topics: Topics) -> dict[str, dict[str, Any]]:
    def sensor(name: str, template: str, **more: str) -> dict[str, Any]:
        base = {"platform": "sensor", "name": name, "state_topic": topics.health}
        return base | {"value_template": f"{{{{ {template} }}}}"} | DIAGNOSTIC | more

    increasing = {"state_class": "total_increasing"}
    return {
        "waiting": sensor("Requests waiting", "value_json.mqtt.inbox_rows", **MEASURED),
        "unsent": sensor("Messages unsent", "value_json.mqtt.outbox_rows", **MEASURED),
        "dropped": sensor("Messages dropped", "value_json.mqtt.dropped", **increasing),
        "set_aside": sensor("Requests set aside", "value_json.mqtt.set_aside", **MEASURED),
        "microphone": {
            "platform": "binary_sensor",
            "name": "Microphone",
            "device_class": "connectivity",
            "state_topic": topics.health,
            "value_template": "{{ 'ON' if value_json.microphone == 'ok' else 'OFF' }}",
        }
        | DIAGNOSTIC,
        "journal": {
            "platform": "binary_sensor",
            "name": "Journal",
            "device_class": "problem",
            "state_topic": topics.health,
            "value_template": "{{ 'ON' if value_json.mqtt.journal_error or"
            " value_json.mqtt.damaged_journals else 'OFF' }}",
        }
        | DIAGNOSTIC,
    }


def _telemetry(topics: Topics, *, expire_after: int) -> dict[str, dict[str, Any]]:
    shared = {"state_topic": topics.telemetry, "expire_after": expire_after} | DIAGNOSTIC

    def sensor(
        name: str, field: str, unit: str, device_class: str | None = None, **more: str
    ) -> dict[str, Any]:
        return {
            "platform": "sensor",
            "name": name,
            "unit_of_measurement": unit,
            "value_template": f"{{{{ value_json.{field} }}}}",
            **({"device_class": device_class} if device_class else {}),
            **shared,
            **(more or MEASURED),
        }

    def problem(name: str, field: str) -> dict[str, Any]:
        state = f"('ON' if value_json.{field} else 'OFF')"
        known = f"value_json.{field} is not none"
        return {
            "platform": "binary_sensor",
            "name": name,
            "device_class": "problem",
            "value_template": f"{{{{ {state} if {known} else none }}}}",
            **shared,
        }

    energy = sensor("Energy", "joules", "Wh", "energy", state_class="total_increasing")
    watt_hours = f"(value_json.joules / {JOULES_PER_WATT_HOUR}) | round(3)"
    energy["value_template"] = f"{{{{ {watt_hours} if value_json.joules is not none else none }}}}"
    return {
        "temperature": sensor("Temperature", "temperature_c", "°C", "temperature"),
        "clock": sensor("Processor clock", "clock_mhz", "MHz", "frequency"),
        "memory": sensor("Memory used", "memory_used_mb", "MB", "data_size"),
        "disk": sensor("Disk free", "disk_free_mb", "MB", "data_size"),
        "voltage": sensor("Supply voltage", "volts", "V", "voltage"),
        "power": sensor("Power", "watts", "W", "power"),
        "energy": energy,
        "fan": sensor("Fan", "fan_rpm", "rpm"),
        "battery": sensor("Battery", "battery_percent", "%", "battery"),
        "under_voltage": problem("Under-voltage", "under_voltage"),
        "throttled": problem("Throttled", "throttled"),
    }
