"""What is kept on disk of each run: whether it stopped cleanly, and the last faults."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

import pytest

from appliance.engines.llama import circuit_breaker, language_model, supervisor
from appliance.errors import BrokerError, ThreadStuck
from appliance.system import atomic_file, kept_faults, run_history, run_mark
from appliance.system.kept_faults import MAXIMUM_FAULTS, FaultRing
from appliance.system.run_history import RunRecord
from appliance.system.run_mark import RunMark


@pytest.fixture
def logger(tmp_path: Path) -> logging.Logger:
    own = logging.Logger("appliance.somewhere")  # noqa: LOG001 - nobody else shall have it
    own.addHandler(FaultRing(tmp_path))
    return own


def messages(folder: Path) -> list[str]:
    return [fault.message for fault in kept_faults.read(folder)]


def test_a_clean_stop_removes_the_file(tmp_path: Path) -> None:
    mark = RunMark(tmp_path)
    assert mark.create() is None
    mark.remove()
    assert RunMark(tmp_path).create() is None


def test_a_killed_run_is_distinguished_from_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    RunMark(tmp_path).create()
    assert str(RunMark(tmp_path).create()).endswith(f"it was killed or crashed (pid {os.getpid()})")
    monkeypatch.setattr(run_mark, "boot_id", lambda: "another boot")
    assert str(RunMark(tmp_path).create()).endswith("the board lost power or was reset")


def test_an_unreadable_file_still_means_that_the_run_did_not_stop_cleanly(
    tmp_path: Path,
) -> None:
    for content in (b"", b"\xff", b"{}"):
        (tmp_path / run_mark.FILE).write_bytes(content)
        found = RunMark(tmp_path).create()
        assert str(found) == "the previous run did not stop cleanly"


def test_a_folder_that_is_not_writable_has_no_other_effect(tmp_path: Path) -> None:
    mark = RunMark(tmp_path / "missing")
    assert mark.create() is None
    mark.remove()


def test_errors_are_kept_and_warnings_are_not(tmp_path: Path, logger: logging.Logger) -> None:
    logger.warning("a warning")
    logger.error("a fault of %s", "something")
    (fault,) = kept_faults.read(tmp_path)
    assert (fault.where, fault.message, fault.times) == (
        "appliance.somewhere",
        "a fault of something",
        1,
    )
    assert fault.boot_id
    assert fault.at > 0


def test_of_a_traceback_lines_are_kept_but_no_values(
    tmp_path: Path, logger: logging.Logger
) -> None:
    try:
        int("what somebody said")
    except ValueError:
        logger.exception("job 7f3a failed")
    (fault,) = kept_faults.read(tmp_path)
    assert fault.trace[-1] == "ValueError"
    assert fault.trace[0].startswith("test_run_mark_and_fault_log.py:")
    assert "what somebody said" not in (tmp_path / kept_faults.FILE).read_text()


def test_of_warnings_only_those_of_the_language_model_are_kept(
    tmp_path: Path,
) -> None:
    ring = FaultRing(tmp_path)
    for module in (
        language_model.logger,
        supervisor.logger,
        circuit_breaker.logger,
        run_history.logger,
    ):
        module.addHandler(ring)
        module.warning("of %s", module.name.rpartition(".")[2])
        module.info("nothing of note")
        module.removeHandler(ring)
    assert messages(tmp_path) == ["of language_model", "of supervisor", "of circuit_breaker"]


def test_the_newest_fifty_are_kept(tmp_path: Path, logger: logging.Logger) -> None:
    for number in range(MAXIMUM_FAULTS + 7):
        logger.error("fault %d", number)
    assert messages(tmp_path) == [f"fault {number}" for number in range(7, MAXIMUM_FAULTS + 7)]


def test_faults_are_kept_over_a_restart(tmp_path: Path, logger: logging.Logger) -> None:
    logger.error("before")
    FaultRing(tmp_path).keep("appliance", "after")
    assert messages(tmp_path) == ["before", "after"]


def test_a_repeated_fault_is_counted_and_rarely_written(tmp_path: Path) -> None:
    now = [0.0]
    ring = FaultRing(tmp_path, clock=lambda: now[0])
    ring.keep("appliance", "the broker refuses")
    for _ in range(20):
        ring.keep("appliance", "the broker refuses")
    assert [fault.times for fault in kept_faults.read(tmp_path)] == [1]
    now[0] = 61.0
    ring.keep("appliance", "the broker refuses")
    assert [fault.times for fault in kept_faults.read(tmp_path)] == [22]
    ring.close()


def test_pending_faults_are_written_at_the_end(tmp_path: Path) -> None:
    ring = FaultRing(tmp_path)
    for _ in range(3):
        ring.keep("appliance", "the broker refuses")
    ring.close()
    assert [fault.times for fault in kept_faults.read(tmp_path)] == [3]


def test_lines_damaged_by_a_power_cut_are_skipped(tmp_path: Path) -> None:
    FaultRing(tmp_path).keep("appliance", "whole")
    with (tmp_path / kept_faults.FILE).open("ab") as file:
        file.write(b'{"at": 1.0, "mess')
    assert messages(tmp_path) == ["whole"]
    FaultRing(tmp_path).keep("appliance", "next")
    assert messages(tmp_path) == ["whole", "next"]


def test_a_full_disk_has_no_other_effect(tmp_path: Path) -> None:
    ring = FaultRing(tmp_path / "missing")
    ring.keep("appliance", "a fault")
    (tmp_path / "missing").mkdir()
    ring.keep("appliance", "another")
    assert messages(tmp_path / "missing") == ["a fault", "another"]


def test_a_file_is_replaced_atomically(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    atomic_file.replace(path, b"old")

    def refuse(_: int) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="no space left"):
        atomic_file.replace(path, b"new")
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def end(folder: Path, error: BaseException | None) -> None:
    with contextlib.suppress(Exception), RunRecord(folder):
        if error is not None:
            raise error


@pytest.mark.parametrize("error", [None, BrokerError("port 1883 is taken; see mqtt.host")])
def test_a_stop_or_an_error_with_a_reason_counts_as_clean(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: BaseException | None
) -> None:
    end(tmp_path, error)
    with RunRecord(tmp_path):
        assert "did not stop cleanly" not in caplog.text
    assert messages(tmp_path) == ([str(error)] if error else [])


@pytest.mark.parametrize("error", [RuntimeError("what was said"), ThreadStuck("the worker")])
def test_a_crash_or_a_hang_is_reported_by_the_next_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    end(tmp_path, error)
    with RunRecord(tmp_path):
        assert "the previous run did not stop cleanly: it was killed or crashed" in caplog.text
    assert messages(tmp_path)[0] == f"crashed: {type(error).__name__}"
    assert "did not stop cleanly" in messages(tmp_path)[1]


def test_what_is_logged_as_an_error_during_a_run_is_kept(tmp_path: Path) -> None:
    with RunRecord(tmp_path):
        logging.getLogger("appliance.engines").error("the model died")
    logging.getLogger("appliance.engines").error("after the run")
    assert messages(tmp_path) == ["the model died"]
