"""The address of the page in a trial: always the same one, unless something else has it."""

from __future__ import annotations

import socket

USUAL_PORT = 10480


def trial_address() -> str:
    """A free address on loopback; what takes its port in the next moment makes the start fail."""
    for port in (USUAL_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return f"127.0.0.1:{probe.getsockname()[1]}"
    return ""
