"""The journal on a real disk: killed, full, read-only, damaged."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.fake_clock import FakeClock
from support.mqtt_stack import result_for

from appliance import config
from appliance.errors import JournalError
from appliance.ids import Ids, boot_seconds
from appliance.journal import database, schema
from appliance.journal.database import PAGE_BYTES
from appliance.journal.dead_letters import open_dead_letters
from appliance.journal.inbox import ANSWERS_KEPT_S, InboxVerdict, IncomingRequest
from appliance.journal.journal import Journal
from appliance.journal.raw_pages import RawPages
from appliance.values import Message, Operation, Outcome, Request, Result

if TYPE_CHECKING:
    from collections.abc import Iterator

IDS = Ids()
DAY = 86_400.0


@contextmanager
def opened(directory: Path, clock: FakeClock | None = None, **bounds: float) -> Iterator[Journal]:
    requests = {key: int(bounds.pop(key)) for key in list(bounds) if key.startswith("maximum_w")}
    journal = Journal(
        directory,
        config.JournalSettings(**bounds),  # type: ignore[arg-type]
        config.RequestSettings(**requests),
        *([clock] if clock else []),
    )
    try:
        yield journal
    finally:
        journal.close()


def messages(result: Result) -> list[Message]:
    return [Message("a/result", (result.text or "").encode())]


def said(text: str, outcome: Outcome = Outcome.TRANSCRIPT) -> Result:
    return result_for(text, IDS.new(), outcome)


def offer(payload: bytes, *, identity: bytes | None = None, requester: str = "") -> IncomingRequest:
    request = Request(
        id=IDS.new(),
        operation=Operation.PARSE,
        payload=payload,
        transaction="t",
        priority=2,
        expires_at=5.0,
        reply_to="home/answers",
        correlation=b"\xff",
        area="hall",
        requester=requester,
    )
    return IncomingRequest(request, identity or payload, may_repeat=identity is not None)


def texts(journal: Journal) -> list[str]:
    return [row.message.payload.decode() for row in journal.pending(1000)]


def test_committed_results_survive_a_restart_and_their_numbers_continue(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        assert journal.last_id is None
        assert journal.commit(said("one"), messages).seq == 1
        last = journal.commit(said("two"), messages)
    with opened(tmp_path) as journal:
        assert texts(journal) == ["one", "two"]
        assert journal.last_id == last.id
        assert journal.commit(said("three"), messages).seq == 3
        assert journal.counts.outbox.rows == 3


def test_a_message_is_read_as_it_was_written(tmp_path: Path) -> None:
    message = Message("t", b"\x00", True, "text/plain", b"\xff", (("a", "b"), ("a", "c")))  # noqa: FBT003
    with opened(tmp_path) as journal:
        journal.commit(said("x"), lambda _: [message])
        assert [row.message for row in journal.pending(9)] == [message]


def test_a_request_stays_on_disk_unchanged_until_its_result_is_committed(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        one, two = offer(b"one"), offer(b"two")
        verdicts = journal.accept([one, two])
        assert verdicts == [InboxVerdict(one.request, 0), InboxVerdict(two.request, 1)]
    with opened(tmp_path) as journal:
        assert journal.waiting() == [one.request, two.request]
        assert journal.counts.inbox.bytes == 6
        journal.commit(said("ONE"), messages, one.request.id)
        assert journal.waiting() == [two.request]
        assert texts(journal) == ["ONE"]


def test_a_request_of_a_newer_version_stays_on_disk_and_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path) as journal:
        newer, known = offer(b"newer"), offer(b"known")
        journal.accept([newer, known])
        journal._db.execute(
            "UPDATE inbox SET operation = 'dream' WHERE id = ?", (newer.request.id,)
        )
        journal._db.commit()
    with opened(tmp_path) as journal:
        assert journal.waiting() == [known.request]
        assert journal.counts.inbox.rows == 2
    assert "this version has no operation dream" in caplog.text


def test_the_result_and_the_removal_of_its_request_are_one_commit(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        one = offer(b"one")
        journal.accept([one])

        def unwritable(_: Result) -> list[Message]:
            raise ValueError("no such message")

        with pytest.raises(ValueError, match="no such message"):
            journal.commit(said("ONE"), unwritable, one.request.id)
        assert journal.waiting() == [one.request]
        assert journal.counts.inbox.rows == 1
        assert journal.commit(said("ONE"), messages, one.request.id).seq == 1


def test_delivered_messages_are_removed_and_excluded_messages_are_skipped(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as journal:
        for text in ("one", "two", "three"):
            journal.commit(said(text), messages)
        first, second, third = journal.pending(10)
        assert journal.pending(1, skip_ranks={first.rank}) == [second]
        assert journal.pending(9, skip_topics={"a/result"}) == []
        journal.remove_delivered([first.rank, second.rank, second.rank, 999])
        assert journal.pending(10) == [third]
        assert journal.counts.outbox.rows == 1
        assert journal.counts.dropped == 0


def test_over_the_limit_of_rows_the_oldest_are_dropped_and_counted(tmp_path: Path) -> None:
    with opened(tmp_path, maximum_rows=3) as journal:
        for number in range(5):
            journal.commit(said(str(number)), messages)
        assert texts(journal) == ["2", "3", "4"]
        assert journal.counts.dropped == 2
    with opened(tmp_path, maximum_rows=3) as journal:
        assert journal.counts.dropped == 2


def test_over_the_limit_of_bytes_the_oldest_are_dropped_but_never_the_newest(
    tmp_path: Path,
) -> None:
    with opened(tmp_path, maximum_bytes=65_536) as journal:
        journal.commit(said("small"), messages)
        journal.commit(said("x" * 100_000), messages)
        assert [len(text) for text in texts(journal)] == [100_000]
        journal.commit(said("small again"), messages)
        assert texts(journal) == ["small again"]


def test_the_age_of_a_message_counts_only_while_the_journal_is_open(tmp_path: Path) -> None:
    clock = FakeClock()
    with opened(tmp_path, clock, maximum_age_days=7) as journal:
        journal.commit(said("old"), messages)
        clock.now += 5 * DAY
        journal.commit(said("new"), messages)
    clock.now = 7.0  # a reboot sets the monotonic clock back
    with opened(tmp_path, clock, maximum_age_days=7) as journal:
        journal.drop_old()
        assert texts(journal) == ["old", "new"]
        clock.now += 3 * DAY
        journal.drop_old()
        assert texts(journal) == ["new"]
        assert journal.counts.dropped == 1


def test_the_age_of_the_oldest_message_is_known_after_a_restart(tmp_path: Path) -> None:
    clock = FakeClock()
    with opened(tmp_path, clock) as journal:
        assert journal.oldest_age_s() is None
        journal.commit(said("one"), messages)
        clock.now += 5
        journal.commit(said("two"), messages)
        assert journal.oldest_age_s() == 5
    with opened(tmp_path, clock) as journal:
        clock.now += 2
        assert journal.oldest_age_s() == 7
        journal.remove_delivered([journal.pending(1)[0].rank])
        assert journal.oldest_age_s() == 2


def test_the_inbox_is_bounded_in_rows_and_bytes(tmp_path: Path) -> None:
    with opened(tmp_path, maximum_waiting=2, maximum_waiting_bytes=1024) as journal:
        offers = [offer(b"x" * 2000), offer(b"1"), offer(b"2", requester="b"), offer(b"3")]
        verdicts = journal.accept(offers)
        assert [bool(verdict.accepted) for verdict in verdicts] == [False, True, True, False]
        journal.withdraw([verdicts[1].accepted.id])  # type: ignore[union-attr]
        assert journal.accept([offer(b"4")])[0].accepted
        assert journal.counts.inbox.rows == 2


def test_a_full_inbox_refuses_without_the_disk_and_still_knows_what_came_before(
    tmp_path: Path,
) -> None:
    with opened(tmp_path, maximum_waiting=2) as journal:
        first = offer(b"1", identity=b"one")
        second = offer(b"2", identity=b"two", requester="b")
        assert all(verdict.accepted for verdict in journal.accept([first, second]))
        with closing(sqlite3.connect(tmp_path / "journal.db", timeout=0.1)) as other:
            other.execute("BEGIN IMMEDIATE")  # the disk is busy with something else
            assert journal.accept([offer(b"3", requester=f"r{n}") for n in range(9)]) == [
                InboxVerdict() for _ in range(9)
            ]
        (again,) = journal.accept([offer(b"1", identity=b"one")])
        assert (again.position, again.waits_as) == (0, first.request.id)
        result = journal.commit(said("X"), messages, first.request.id)
        assert journal.accept([offer(b"3", identity=b"three", requester="c")])[0].accepted
        assert journal.accept([offer(b"1", identity=b"one")])[0].result == result


def test_a_repeated_request_is_accepted_once_and_answered_from_the_journal(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    with opened(tmp_path, clock) as journal:
        first, again = offer(b"x", identity=b"i"), offer(b"x", identity=b"i")
        assert journal.accept([first, again]) == [
            InboxVerdict(first.request, 0),
            InboxVerdict(None, 0, waits_as=first.request.id),
        ]
        result = journal.commit(said("X"), messages, first.request.id)
        assert journal.accept([again]) == [InboxVerdict(result=result)]
    with opened(tmp_path, clock) as journal:
        assert journal.accept([again]) == [InboxVerdict(result=result)]
        clock.now += ANSWERS_KEPT_S + 1
        assert journal.accept([again])[0].accepted == again.request


@pytest.mark.parametrize("outcome", [Outcome.EXPIRED, Outcome.CANCELLED])
def test_a_request_that_was_cancelled_or_expired_can_be_sent_again(
    tmp_path: Path, outcome: Outcome
) -> None:
    with opened(tmp_path) as journal:
        first, again = offer(b"x", identity=b"i"), offer(b"x", identity=b"i")
        journal.accept([first])
        journal.commit(said("", outcome), messages, first.request.id)
        assert journal.accept([again])[0].accepted == again.request


def test_committed_results_are_on_disk_after_a_kill(tmp_path: Path) -> None:
    here = Path(__file__).parents[1]
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from appliance import config\n"
        "from appliance.ids import Ids\n"
        "from appliance.journal.journal import Journal\n"
        "from appliance.values import Message\n"
        "from support.mqtt_stack import result_for\n"
        "journal = Journal(Path(sys.argv[1]), config.JournalSettings(), config.RequestSettings())\n"
        "ids = Ids()\n"
        "while True:\n"
        "    result = journal.commit(\n"
        "        result_for('x', ids.new()), lambda r: [Message('t', str(r.seq).encode())])\n"
        "    print(result.seq, flush=True)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(here), str(here.parent)))}
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        for _ in range(20):
            promised = int(writer.stdout.readline())
        writer.kill()
        rest = writer.stdout.read().split("\n")
        promised = max([promised, *(int(line) for line in rest[:-1])])
        writer.stdout.close()
        writer.wait()
        with opened(tmp_path) as journal:
            numbers = [int(text) for text in texts(journal)]
            assert numbers[:promised] == list(range(1, promised + 1))[:1000]
            assert journal.counts.seq >= promised


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let root mount a disk")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_gives_an_error_that_names_it_and_loses_nothing(small_disk: Path) -> None:
    def fill(journal: Journal) -> None:
        for _ in range(100):
            journal.commit(said("x" * 60_000), messages)

    with opened(small_disk) as journal:
        journal.commit(said("before"), messages)
        ballast = small_disk / "ballast"
        ballast.write_bytes(b"x" * 600_000)
        with pytest.raises(JournalError, match="the disk is full; free some space"):
            fill(journal)
        kept = texts(journal)
        assert kept[0] == "before"
        assert len(kept) == journal.counts.outbox.rows == journal.counts.seq
        ballast.unlink()
        assert journal.commit(said("after"), messages).seq == len(kept) + 1
    with opened(small_disk) as journal:
        assert len(texts(journal)) == len(kept) + 1


def test_a_read_only_disk_gives_an_error_that_names_it(small_disk: Path) -> None:
    with opened(small_disk) as journal:
        journal.commit(said("before"), messages)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(JournalError, match=r"read-only.*writable"), opened(small_disk):
        pass
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    with opened(small_disk) as journal:
        assert texts(journal) == ["before"]


def test_a_directory_that_cannot_be_created_is_named_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(JournalError, match=r"cannot open the journal .*journal\.db"),
        opened(tmp_path / "file" / "state"),
    ):
        pass


def test_one_damaged_byte_in_the_page_with_the_schema_loses_no_row(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    with opened(whole) as journal:
        for number in range(50):
            journal.commit(said(f"{number} " + "x" * (40 * number)), messages)
        journal.accept([offer(f"waits {number}".encode() * 99) for number in range(5)])
    sound = (whole / "journal.db").read_bytes()
    assert not (whole / "journal.db-wal").exists()
    for place in range(0, 1024, 11):
        folder = tmp_path / str(place)
        folder.mkdir()
        damaged = bytearray(sound)
        damaged[place] ^= 0x15
        (folder / "journal.db").write_bytes(damaged)
        with opened(folder) as journal:
            counts = journal.counts
            assert (counts.outbox.rows, counts.inbox.rows) == (50, 5), place
            found = [text.partition(" ")[0] for text in texts(journal)]
            assert found == [str(number) for number in range(50)], place
            waiting = [request.payload for request in journal.waiting()]
            assert waiting == [f"waits {number}".encode() * 99 for number in range(5)], place
            assert journal.commit(said("next"), messages).seq == 51, place


def test_rows_that_are_only_in_the_write_ahead_log_are_found_without_the_schema(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as journal:
        for number in range(20):
            journal.commit(said(f"{number} " + "x" * 3000), messages)
        assert (tmp_path / "journal.db-wal").stat().st_size > 20 * 3000
        rows = RawPages(tmp_path / "journal.db", PAGE_BYTES).rows()
        payloads = [values[8].decode() for rank, values in rows if rank and len(values) > 10]
        assert sorted(payloads) == sorted(texts(journal))


def test_a_row_whose_length_is_damaged_does_not_follow_a_circle_of_pages(tmp_path: Path) -> None:
    usable = PAGE_BYTES
    here = (usable - 12) * 32 // 255 - 23  # bytes of the row in its own page
    length = here + (usable - 4) * 1_000_000
    varint = bytes(length >> shift & 0x7F | 0x80 for shift in (28, 21, 14, 7))
    leaf = bytearray(usable)
    leaf[0], leaf[4] = 0x0D, 1  # a page of rows, with one row
    leaf[8:10] = (100).to_bytes(2, "big")
    leaf[100:106] = varint + bytes([length & 0x7F, 1])
    leaf[106 + here : 110 + here] = (3).to_bytes(4, "big")
    circle = (3).to_bytes(4, "big") * (usable // 4)
    file = tmp_path / "journal.db"
    file.write_bytes(circle + bytes(leaf) + circle)
    tracemalloc.start()
    try:
        assert list(RawPages(file, PAGE_BYTES).rows()) == []
        assert tracemalloc.get_traced_memory()[1] < 64 * usable
    finally:
        tracemalloc.stop()


def test_a_damaged_byte_in_the_log_of_a_run_that_was_cut_off_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path / "a") as journal:
        journal.accept([offer(f"request {number}".encode()) for number in range(3)])
        for number in range(20):
            journal.commit(said(f"message {number}"), messages)
        shutil.copytree(tmp_path / "a", tmp_path / "b")
    log = tmp_path / "b" / f"{database.FILE}-wal"
    content = bytearray(log.read_bytes())
    content[len(content) // 3] ^= 0x05
    log.write_bytes(content)
    with opened(tmp_path / "b") as journal:
        assert (len(journal.waiting()), len(journal.pending(100))) == (3, 20)
        assert journal.damaged == 1
        journal.commit(said("another"), messages)
    assert "1 damaged frames of the journal's log" in caplog.text
    with opened(tmp_path / "b") as journal:
        assert len(journal.pending(100)) == 21


@pytest.mark.parametrize("damage", ["header", "pages", "tables", "not a database"])
def test_a_damaged_journal_is_renamed_and_its_readable_rows_are_kept(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path) as journal:
        for number in range(500):
            journal.commit(said(f"{number} " + "x" * 500), messages)
        journal.accept([offer(b"kept")])
    _spoil(tmp_path / "journal.db", damage)
    with opened(tmp_path) as journal:
        saved = journal.counts.outbox.rows
        if damage != "not a database":
            assert saved > 400
            found = [text.partition(" ")[0] for text in texts(journal)]
            assert (found[0], found[-1]) == ("0", "499")  # what lies behind the damage, too
            assert [request.payload for request in journal.waiting()] == [b"kept"]
            assert journal.commit(said("next"), messages).seq == 501
        else:
            assert saved == 0
            assert journal.commit(said("next"), messages).seq == 1
        assert journal.damaged == 1
    asides = [file.name for file in tmp_path.iterdir() if ".corrupt-" in file.name]
    assert asides
    assert "it was renamed to journal.db.corrupt-" in caplog.text


def _spoil(path: Path, damage: str) -> None:
    if damage == "tables":
        with sqlite3.connect(path) as database:
            database.execute("DROP TABLE answers")
        database.close()
    else:
        content = bytearray(path.read_bytes())
        if damage == "header":
            content[0:16] = b"\xff" * 16
        elif damage == "pages":
            middle = len(content) // 2 // 4096 * 4096
            content[middle : middle + 8192] = b"\xff" * 8192
        else:
            content = bytearray(b"hello " * 1000)
        path.write_bytes(content)


def _of_version_1(directory: Path) -> None:
    """A journal as version 1 left it, with a request and a message that wait."""
    with closing(sqlite3.connect(directory / "journal.db")) as database:
        database.executescript(f"BEGIN; {schema.FIRST} PRAGMA user_version = 1; COMMIT;")
        database.execute(
            "INSERT INTO inbox (id, identity, operation, transaction_id, priority, expires_at,"
            " reply_to, correlation, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ("old", b"1", "parse", "t", 2, time.time() + 60, "home/answers", b"c", b"hello"),
        )
        database.execute(
            "INSERT INTO outbox (size, written, topic, retain, user_properties, payload)"
            " VALUES (2, 0.0, 'a/result', 0, '[]', X'6869')"
        )
        database.execute("INSERT INTO meta VALUES ('seq', 7)")
        database.commit()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE outbox SET user_properties = '[[' WHERE rank = 1",
        "UPDATE outbox SET content_type = CAST(x'7bff' AS TEXT) WHERE rank = 1",
        "UPDATE inbox SET identity = 'text' WHERE rank = 1",
        "UPDATE inbox SET requester = CAST(x'ff' AS TEXT) WHERE rank = 1",
        "UPDATE inbox SET priority = 'much' WHERE rank = 1",
        "UPDATE meta SET value = 'many' WHERE key = 'seq'",
        "UPDATE meta SET value = 9223372036854775807 WHERE key = 'dropped'",
        "UPDATE meta SET value = 1e308 WHERE key = 'lived'",
        "UPDATE outbox SET rank = 9223372036854775807 WHERE rank = 1",
        "UPDATE outbox SET size = 9223372036854775807 WHERE rank = 1",
        "UPDATE outbox SET size = -1 WHERE rank = 1",
        "UPDATE outbox SET written = -1e308 WHERE rank = 1",
    ],
)
def test_a_row_with_a_damaged_value_is_left_out_and_the_others_are_kept(
    tmp_path: Path, damage: str
) -> None:
    with opened(tmp_path) as journal:
        journal.accept([offer(f"request {number}".encode()) for number in range(3)])
        for number in range(3):
            journal.commit(said(f"message {number}"), messages)
    with closing(sqlite3.connect(tmp_path / database.FILE)) as damaged:
        damaged.execute(damage)
        damaged.commit()
    with opened(tmp_path) as journal:
        assert journal.damaged == 1
        kept = len(journal.waiting()) + len(journal.pending(10))
        assert kept == (6 if "meta" in damage else 5)
        assert journal.accept([offer(b"a new one")])[0].accepted is not None
        journal.commit(said("another"), messages)
    with opened(tmp_path) as journal:
        assert journal.damaged == 1, "it is sound now"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"CREATE TABLE outbox", b"CREATE TABLE \x80utbox"),
        (b"topic TEXT NOT NULL", b"topic TEYT NOT NULL"),
        (b"payload BLOB NOT NULL", b"payload BLOB \xff\xffT NULL"),
    ],
)
def test_a_schema_with_a_damaged_text_ends_no_start_and_its_rows_are_kept(
    tmp_path: Path, old: bytes, new: bytes
) -> None:
    with opened(tmp_path) as journal:
        journal.accept([offer(f"request {number}".encode()) for number in range(3)])
        journal.commit(said("message"), messages)
    path = tmp_path / database.FILE
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    with opened(tmp_path) as journal:
        assert journal.damaged == 1
        assert len(journal.waiting()) == 3
        assert texts(journal) == ["message"]


def test_an_index_that_is_damaged_is_noticed_at_the_start(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        for number in range(3):
            asked = offer(b"a request", identity=b"identity %d" % number)
            accepted = journal.accept([asked])[0].accepted
            assert accepted is not None
            journal.commit(said("done"), messages, accepted.id)
    with closing(sqlite3.connect(tmp_path / database.FILE)) as other:
        query = "SELECT rootpage FROM sqlite_master WHERE type = 'index' AND tbl_name = 'answers'"
        (page,) = other.execute(query).fetchone()
    with (tmp_path / database.FILE).open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES + PAGE_BYTES - 40)
        file.write(b"\x00" * 40)
    with opened(tmp_path) as journal:
        assert journal.damaged == 1
        assert len(texts(journal)) == 3
        again = offer(b"a request", identity=b"identity 1")
        assert journal.accept([again])[0].result is not None


def test_an_answer_of_another_version_is_not_repeated_and_ends_nothing(tmp_path: Path) -> None:
    asked = offer(b"a request", identity=b"identity")
    with opened(tmp_path) as journal:
        verdict = journal.accept([asked])[0]
        assert verdict.accepted is not None
        journal.commit(said("done"), messages, verdict.accepted.id)
        assert journal.accept([asked])[0].result is not None
    with closing(sqlite3.connect(tmp_path / database.FILE)) as other:
        other.execute("""UPDATE answers SET result = CAST('{"form": "of later"}' AS BLOB)""")
        other.commit()
    with opened(tmp_path) as journal:
        assert journal.damaged == 0
        assert journal.accept([asked])[0].accepted is not None


def test_requests_and_messages_of_an_older_version_are_kept(tmp_path: Path) -> None:
    _of_version_1(tmp_path)
    with opened(tmp_path) as journal:
        (request,) = journal.waiting()
        assert (request.id, request.payload, request.requester) == ("old", b"hello", "home/answers")
        assert request.expires_at is not None
        assert 0 < request.expires_at - boot_seconds() <= 60
        assert texts(journal) == ["hi"]
        journal.record_attempt("old")
        assert journal.commit(said("done"), messages, "old").seq == 8
    with opened(tmp_path) as journal:
        assert journal.waiting() == []


def test_a_journal_has_small_pages_to_spare_the_card(tmp_path: Path) -> None:
    _of_version_1(tmp_path)
    assert _page_bytes(tmp_path) == 4096
    with opened(tmp_path):
        assert _page_bytes(tmp_path) == 1024
    (tmp_path / "journal.db").unlink()
    with opened(tmp_path):
        assert _page_bytes(tmp_path) == 1024


def test_an_older_journal_in_use_keeps_its_large_pages_and_works(tmp_path: Path) -> None:
    _of_version_1(tmp_path)
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as reader:
        reader.execute("PRAGMA journal_mode = WAL")
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM inbox").fetchall()
        with opened(tmp_path) as journal:
            assert [request.id for request in journal.waiting()] == ["old"]
    assert _page_bytes(tmp_path) == 4096
    with opened(tmp_path) as journal:
        assert [request.id for request in journal.waiting()] == ["old"]
    assert _page_bytes(tmp_path) == 1024


def test_no_rank_is_used_twice_within_one_process(tmp_path: Path) -> None:
    """An acknowledgement that comes late must not take another message off the disk."""
    with opened(tmp_path) as journal:
        journal.commit(said("one"), messages)
        (first,) = journal.pending(9)
        journal.remove_delivered([first.rank])
        journal.commit(said("two"), messages)
        journal.remove_delivered([first.rank])
        assert texts(journal) == ["two"]


def _page_bytes(directory: Path) -> int:
    with closing(sqlite3.connect(directory / "journal.db")) as database:
        size: int = database.execute("PRAGMA page_size").fetchone()[0]
        return size


def test_the_rows_of_a_damaged_journal_of_an_older_version_are_kept(tmp_path: Path) -> None:
    _of_version_1(tmp_path)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as database:
        database.execute("DROP TABLE answers")
    with opened(tmp_path) as journal:
        assert [request.payload for request in journal.waiting()] == [b"hello"]
        assert texts(journal) == ["hi"]


def test_no_deadline_moves_if_the_calendar_jumps_by_a_year(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    with opened(tmp_path) as journal:
        journal.accept([offer(b"hello")])
    monkeypatch.setattr(time, "time", lambda: now + 365 * DAY)
    with opened(tmp_path) as journal:
        (request,) = journal.waiting()
        assert request.expires_at == 5.0


def test_requests_and_messages_of_a_newer_version_are_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An update that had to be taken back must not stop the version before it."""
    with opened(tmp_path) as journal:
        journal.commit(said("precious"), messages)
        journal.accept([offer(b"kept")])
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as database:
        database.execute("ALTER TABLE outbox ADD COLUMN colour TEXT")
        database.execute("CREATE TABLE novelty (x)")
        database.execute("PRAGMA user_version = 99")
    with opened(tmp_path) as journal:
        assert texts(journal) == ["precious"]
        assert [request.payload for request in journal.waiting()] == [b"kept"]
        assert journal.commit(said("next"), messages).seq == 2
        assert journal.damaged == 0
    assert "was written by a newer version of the appliance" in caplog.text
    assert [path.name for path in tmp_path.glob("journal.db.version-99-*")]
    with opened(tmp_path) as journal:  # and it stays so
        assert texts(journal) == ["precious", "next"]


def test_a_disk_too_full_to_upgrade_a_journal_gives_an_error_and_nothing_is_lost(
    small_disk: Path,
) -> None:
    with closing(sqlite3.connect(small_disk / "journal.db", isolation_level=None)) as file:
        file.execute("PRAGMA page_size = 1024")
        steps = f"{schema.FIRST} {schema.SECOND}"
        file.executescript(f"BEGIN; {steps} PRAGMA user_version = 2; COMMIT;")
        insert = "INSERT INTO outbox VALUES (?, 9, 0.0, 'a/b', 0, NULL, NULL, '[]', ?)"
        file.executemany(insert, [(rank, b"x" * 60_000) for rank in range(1, 6)])
    ballast = small_disk / "ballast"
    with suppress(OSError), ballast.open("wb", 0) as filled:
        while filled.write(b"x" * 4096):
            pass
    with pytest.raises(JournalError, match="the disk is full; free some space"), opened(small_disk):
        pass
    ballast.unlink()
    with opened(small_disk) as journal:
        assert journal.counts.outbox.rows == 5


@pytest.mark.parametrize("moment", ["while it is saved", "before the saved takes its place"])
def test_a_start_that_fails_while_rows_are_kept_is_repeated_by_the_next_start(
    tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as journal:
        journal.commit(said("precious"), messages)
        journal.accept([offer(b"kept")])
    with closing(sqlite3.connect(tmp_path / "journal.db")) as file:
        file.execute("PRAGMA user_version = 99")
    real = database._copy if moment == "while it is saved" else database._rename

    def fails(*given: Any) -> None:
        real(*given)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(database, real.__name__, fails)
        with pytest.raises(JournalError, match="the disk is full"), opened(tmp_path):
            pass
    with opened(tmp_path) as journal:
        assert texts(journal) == ["precious"]
        assert [request.payload for request in journal.waiting()] == [b"kept"]
    assert len(list(tmp_path.glob("journal.db.version-99-*"))) == 1
    assert not list(tmp_path.glob("journal.db.saved*"))


def test_without_a_journal_there_are_no_dead_letters(tmp_path: Path) -> None:
    with open_dead_letters(tmp_path) as dead_letters:
        assert dead_letters.all() == []
        assert dead_letters.payload("x") is None
        assert not dead_letters.remove("x")
    assert list(tmp_path.iterdir()) == []


def test_dead_letters_in_a_journal_of_an_older_version_ask_for_an_upgrade(tmp_path: Path) -> None:
    _of_version_1(tmp_path)
    with (
        pytest.raises(JournalError, match="start the appliance once"),
        open_dead_letters(tmp_path) as dead_letters,
    ):
        dead_letters.all()


def test_records_messages_and_requests_are_written_together_and_kept(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        message, request = Message("a/timer", b"started"), offer(b"turn it off")
        (verdict,) = journal.write_records({"timer/1": b"x", "other/1": b"y"}, [message], [request])
        assert verdict.accepted is not None
        assert journal.last_id == verdict.accepted.id
    with opened(tmp_path) as journal:
        assert journal.records("timer/") == {"1": b"x"}
        assert [row.message.payload for row in journal.pending(9)] == [b"started"]
        assert [waiting.payload for waiting in journal.waiting()] == [b"turn it off"]
        journal.write_records({"timer/1": None, "timer/2": b"z"})
        assert journal.records("timer/") == {"2": b"z"}


def test_a_message_that_cannot_be_written_leaves_the_records_as_they_were(tmp_path: Path) -> None:
    def broken() -> Iterator[Message]:
        yield Message("a/timer", b"started")
        raise sqlite3.OperationalError("database or disk is full")

    with opened(tmp_path) as journal:
        journal.write_records({"timer/1": b"before"})
        with pytest.raises(JournalError, match="the disk is full"):
            journal.write_records({"timer/1": b"after"}, broken())
        assert journal.records("timer/") == {"1": b"before"}
        assert journal.counts.outbox.rows == 0
