"""TCP ports of loopback on which nobody listens."""

from __future__ import annotations

import itertools
import os
import socket

FIRST, PROCESSES, EACH = 11_000, 100, 210
"""Below Linux's ephemeral ports (32768 and up), which outgoing connections take at any time."""

_ports = itertools.cycle(range(EACH))


def free_port() -> int:
    """A port that nobody listens on now, and that no test of a parallel process is given."""
    own = FIRST + os.getpid() % PROCESSES * EACH
    for offset in itertools.islice(_ports, EACH):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", own + offset))
            except OSError:
                continue
            return own + offset
    raise RuntimeError(f"no free port from {own} to {own + EACH - 1}")
