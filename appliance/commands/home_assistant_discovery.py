"""`appliance home-assistant`: shows the discovery message, or removes it from the broker."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from appliance import config as configuration
from appliance.client import Connection
from appliance.commands.action_parsers import add_actions
from appliance.errors import BrokerError
from appliance.messages import discovery
from appliance.messages.announcement_record import AnnouncedDevice
from appliance.messages.topics import Topics
from appliance.mqtt import credentials
from appliance.pipeline.pipeline_factory import load_sentences

if TYPE_CHECKING:
    import argparse

    from appliance.config import Config
    from appliance.values import Message

TIMEOUT_S = 5.0
"""Seconds that the broker has to accept the connection, and then the message."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions of `appliance home-assistant`."""
    parser.epilog = """\
Example:
  appliance home-assistant show

Before `remove`, set home_assistant.enabled to false and restart the appliance.

Exit status: 0 done, 69 the broker does not accept the connection or the
message."""
    add_actions(
        parser,
        {
            "show": "print the discovery message as JSON",
            "remove": "remove the device and its entities from Home Assistant",
        },
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the discovery message, or publish the one that removes it."""
    config = configuration.load(arguments.config)
    announced = AnnouncedDevice.of(config)
    if arguments.action == "show":
        intents = load_sentences(config, None).declared
        message = discovery.discovery(config, Topics.of(config), intents, announced)
        print(msgspec.json.format(message.payload, indent=2).decode())
        return 0
    _publish(config, discovery.removal(announced))
    print("Removed the appliance and its entities from Home Assistant.")
    if config.home_assistant.enabled:
        print(
            "home_assistant.enabled is still true: the appliance announces itself again when it "
            "next connects. Set it to false, restart, and remove again.",
            file=sys.stderr,
        )
    return 0


def _publish(config: Config, message: Message) -> None:
    host, port = config.broker_host, config.broker_port
    connection = Connection(
        host,
        port,
        username=config.mqtt.username or None,
        password=credentials.password(config.mqtt),
        tls=credentials.tls_context(config.mqtt),
    )
    with connection:
        if not connection.ready.wait(TIMEOUT_S):
            why = connection.refusal or "no answer"
            raise BrokerError(
                f"the broker at {host}:{port} does not accept the connection: {why}; see [mqtt]"
            )
        sent = connection.paho.publish(message.topic, message.payload, qos=1, retain=True)
        sent.wait_for_publish(TIMEOUT_S)
        if not sent.is_published():
            raise BrokerError(
                f"the broker at {host}:{port} did not acknowledge the removal; try again"
            )
