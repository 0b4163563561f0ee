"""Commands to devices in the journal: never late, never twice, with the QoS of the device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.mqtt_stack import result_for

from appliance import config
from appliance.ids import Ids
from appliance.journal.journal import Journal
from appliance.values import Message, Outcome

IDS = Ids()
COMMAND = Message("lamp/set", b"ON", retain=True, content_type=None, qos=2, fresh_s=30.0)
RESULT = Message("a/result", b"{}")


def opened(folder: Path) -> Journal:
    """The journal in a folder."""
    return Journal(folder, config.JournalSettings(), config.RequestSettings())


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal with a result and a command in it."""
    journal = opened(tmp_path)
    journal.commit(result_for("x", IDS.new(), Outcome.INTENT), lambda _: [RESULT, COMMAND])
    yield journal
    journal.close()


def topics(journal: Journal) -> list[str]:
    """Of what would be sent now."""
    return [row.message.topic for row in journal.pending(10)]


def test_a_command_keeps_its_qos_and_flags_and_what_is_left_of_its_time(journal: Journal) -> None:
    _, row = journal.pending(10)
    assert (row.message.qos, row.message.retain, row.message.payload) == (2, True, b"ON")
    assert row.message.fresh_s is not None
    assert 0 < row.message.fresh_s <= 30


def test_a_command_that_is_late_is_not_sent_and_the_result_is(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.journal.outbox.boot_seconds", lambda: 1e9)
    assert topics(journal) == ["a/result"]
    journal.drop_old()
    assert journal.counts.outbox.rows == 1


def test_after_another_boot_no_command_is_sent(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.journal.outbox.boot_id", lambda: "another")
    assert topics(journal) == ["a/result"]


def test_a_command_that_was_being_sent_at_a_crash_is_not_sent_again(
    journal: Journal, tmp_path: Path
) -> None:
    _, command = journal.pending(10)
    journal.mark_sent(command.rank)
    again = opened(tmp_path)
    assert topics(again) == ["a/result"]
    again.close()


def test_a_command_that_was_not_sent_yet_is_sent_after_a_restart(
    journal: Journal, tmp_path: Path
) -> None:
    again = opened(tmp_path)
    assert topics(again) == ["a/result", "lamp/set"]
    again.close()
