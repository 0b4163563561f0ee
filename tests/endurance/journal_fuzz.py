"""Journals damaged at random: each opens, tells what it still has, and takes new requests.

    PYTHONPATH=.:tests python -m endurance.journal_fuzz [--minutes 1] [--seed 1] [--keep FOLDER]

A journal with requests, messages and answers is written once, closed or cut off as by a power
cut. Each turn copies it and damages its files: bits, runs of bytes, whole pages, lengths, the log
of SQLite. The daemon's own journal is then opened there. What it kept is read with sqlite3 alone.
Exit status 1 if one raises an error, hangs, loses a new request, or memory grows. Rows whose
payload is still whole in the damaged files, and which were not kept, are counted.
"""

from __future__ import annotations

import argparse
import collections
import functools
import json
import logging
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from appliance import config
from appliance.journal.inbox import IncomingRequest
from appliance.journal.journal import Journal
from appliance.values import Message, Operation, Outcome, Request, Result, Source, Trigger
from endurance.fuzz_worker import FuzzWorker

REQUESTS, MESSAGES = 40, 60

LIMIT_S = 20.0

LEAK_MB = 40.0

MAIN = "journal.db"

FILES = (MAIN, f"{MAIN}-wal", f"{MAIN}-shm")

PAGE = 1024


def _journal(folder: Path) -> Journal:
    return Journal(folder, config.JournalSettings(), config.RequestSettings(maximum_waiting=500))


def _request(number: int) -> IncomingRequest:
    name = f"request-{number:04d}"
    payload = f"payload of {name} ".encode() * (1 + number % 7 * 12)
    request = Request(
        id=f"id-{number:06d}",
        operation=Operation.PARSE,
        payload=payload,
        transaction=name,
        reply_to=f"appliance-clients/{number}",
        correlation=name.encode(),
        requester=f"client-{number % 9}",
    )
    return IncomingRequest(request, f"identity-{number}".encode(), may_repeat=True)


def _result(number: int) -> Result:
    return Result(
        id=f"id-9{number:05d}",
        source=Source.SPEECH,
        trigger=Trigger.ALWAYS,
        language="en",
        outcome=Outcome.TRANSCRIPT,
        text=f"spoken sentence {number}",
        at="2026-01-01T00:00:00Z",
    )


def _only(message: Message, _result: Result) -> list[Message]:
    return [message]


def templates(folder: Path) -> list[Path]:
    """A closed journal, and one that was cut off: its log is not in the main file yet."""
    cut, closed = folder / "cut", folder / "closed"
    journal = _journal(folder / "open")
    journal.accept([_request(number) for number in range(REQUESTS)])
    for number in range(MESSAGES):
        message = Message(f"appliance/kitchen/result/{number}", b"message of %04d" % number)
        journal.commit(_result(number), functools.partial(_only, message))
    answered = [_request(1000 + number) for number in range(20)]
    journal.accept(answered)
    for number, one in enumerate(answered):
        journal.commit(_result(1000 + number), lambda _: [], one.request.id)
    journal.write_records({f"timer/{number}": b"{}" for number in range(12)})
    shutil.copytree(folder / "open", cut)
    journal.close()
    shutil.copytree(folder / "open", closed)
    return [closed, cut]


def damaged(data: bytearray, chance: random.Random) -> None:
    """Damage the bytes of one file, in place."""
    for _ in range(chance.choice((1, 1, 1, 2, 5, 30))):
        if data:
            chance.choice(FAULTS)(data, chance.randrange(len(data)), chance)


def _flip(data: bytearray, at: int, chance: random.Random) -> None:
    data[at] ^= 1 << chance.randrange(8)


def _flip_in_header(data: bytearray, _at: int, chance: random.Random) -> None:
    data[chance.randrange(min(len(data), 4 * PAGE))] ^= 1 << chance.randrange(8)


def _set_byte(data: bytearray, at: int, chance: random.Random) -> None:
    data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))


def _set_bytes(data: bytearray, at: int, chance: random.Random) -> None:
    data[at : at + 8] = chance.randbytes(min(8, len(data) - at))


def _clear(data: bytearray, at: int, chance: random.Random) -> None:
    length = min(chance.choice((64, 512)), len(data) - at)
    data[at : at + length] = bytes(length)


def _swap_page(data: bytearray, at: int, chance: random.Random) -> None:
    """A page of another place."""
    page, other = at - at % PAGE, chance.randrange(0, len(data), PAGE)
    data[page : page + PAGE] = data[other : other + PAGE]


def _lose_page(data: bytearray, at: int, chance: random.Random) -> None:
    page = at - at % PAGE
    length = min(PAGE, len(data) - page)
    data[page : page + length] = chance.choice((bytes(length), b"\xff" * length))


def _truncate(data: bytearray, at: int, chance: random.Random) -> None:
    if chance.random() < RARE:
        del data[at:]


FAULTS = (
    *(_flip, _flip_in_header, _flip_in_header, _set_byte, _set_bytes),
    *(_clear, _swap_page, _lose_page, _truncate),
)

RARE = 0.2


def payloads_in(folder: Path) -> set[bytes]:
    """Payloads of all messages and requests in a journal, read with sqlite3 alone."""
    found: set[bytes] = set()
    database = sqlite3.connect(folder / MAIN)
    try:
        for table in ("inbox", "outbox"):
            found |= {bytes(row[0]) for row in database.execute(f"SELECT payload FROM {table}")}  # noqa: S608
    finally:
        database.close()
    return found


def take(folder: str) -> str:
    """Use the journal in a folder as the daemon does from its start to its stop. In the worker."""
    logging.disable(logging.CRITICAL)
    journal = _journal(Path(folder))
    try:
        waiting = journal.waiting()
        sent = journal.pending(1000)
        journal.oldest_age_s()
        journal.dead_letter_count()
        journal.records("")
        for request in waiting[:2]:
            journal.attempts(request.id)
            journal.record_attempt(request.id)
        verdict = journal.accept([_request(5000)])[0]
        assert verdict.accepted is not None or len(waiting) >= REQUESTS, "a new one is refused"
        if waiting:
            journal.commit(_result(7000), lambda _: [], waiting[0].id)
        journal.remove_delivered([row.rank for row in sent[:1]])
        journal.drop_old()
    finally:
        journal.close()
    again = _journal(Path(folder))
    try:
        assert any(one.id == "id-005000" for one in again.waiting()), "a new request is lost"
    finally:
        again.close()
    return "salvaged" if again.damaged else "opened"


class JournalFuzzing:
    """Damages and opens journals, and counts what became of them."""

    def __init__(self, folder: Path, seed: int, keep: Path | None) -> None:
        self._chance = random.Random(seed)  # noqa: S311  (no secret)
        self._folder, self._keep = folder, keep
        self._templates = templates(folder)
        self._truth = {path: payloads_in_copy(path, folder) for path in self._templates}
        self._worker = FuzzWorker(take, LIMIT_S)
        self.came: collections.Counter[str] = collections.Counter()
        self.faults: list[str] = []
        self._slowest_s = 0.0
        self.rows: collections.Counter[str] = collections.Counter()

    def turn(self) -> None:
        """Damage and open one."""
        template = self._chance.choice(self._templates)
        here = self._folder / "turn"
        shutil.rmtree(here, ignore_errors=True)
        shutil.copytree(template, here)
        there = [here / name for name in FILES if (here / name).exists()]
        for path in self._chance.sample(there, self._chance.randrange(1, len(there) + 1)):
            data = bytearray(path.read_bytes())
            damaged(data, self._chance)
            path.write_bytes(data)
        raw = (here / MAIN).read_bytes()
        log = b"".join(path.read_bytes() for path in there if path.name.endswith("-wal"))
        before = self._folder / "before"
        shutil.rmtree(before, ignore_errors=True)
        shutil.copytree(here, before)
        began = time.monotonic()
        word, fault = self._worker.turn(str(here))
        self._slowest_s = max(self._slowest_s, time.monotonic() - began)
        self.came[word] += 1
        if fault:
            self._note(fault, before)
            return
        kept = payloads_in(here)
        for where, held in (("main file", raw), ("log", log)):
            intact = {one for one in self._truth[template] if one in held}
            self.rows[f"whole in the {where}"] += len(intact)
            # `take` itself answered the first request and sent the first message away.
            self.rows[f"whole in the {where}, not kept"] += max(0, len(intact - kept) - 2)

    def _note(self, fault: str, before: Path) -> None:
        self.faults.append(fault)
        if self._keep is not None and len(self.faults) <= 50:
            shutil.copytree(before, self._keep / f"journal-{len(self.faults)}")

    def summary(self) -> dict[str, object]:
        """As JSON."""
        kinds = collections.Counter(fault.strip().splitlines()[-1][:160] for fault in self.faults)
        return {
            **self.came,
            "faults by kind": dict(kinds.most_common(30)),
            "examples": self.faults[:5],
            **self.rows,
            "slowest_s": round(self._slowest_s, 2),
            "starts of the worker": self._worker.starts,
            "memory_growth_mb": self._worker.grown_mb(),
        }

    def failed(self) -> bool:
        """Whether there was a fault, or memory grew."""
        return bool(self.faults) or self._worker.grown_mb() > LEAK_MB

    def end(self) -> None:
        """End the worker."""
        self._worker.end()


def payloads_in_copy(path: Path, folder: Path) -> set[bytes]:
    """As `payloads_in`, of a copy: sqlite3 changes a journal that was cut off."""
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(path, copy)
    return payloads_in(copy)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for journals that were faults")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        fuzzing = JournalFuzzing(Path(directory), arguments.seed, arguments.keep)
        end = time.monotonic() + arguments.minutes * 60
        while time.monotonic() < end:
            fuzzing.turn()
        print(json.dumps(fuzzing.summary(), indent=1))
        failed = fuzzing.failed()
        fuzzing.end()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
