"""Announces the Wyoming server on the local network by multicast DNS (zeroconf)."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any

from appliance.errors import NeededError
from appliance.system import memory_and_sockets

if TYPE_CHECKING:
    from appliance.config import Config

SERVICE = "_wyoming._tcp.local."

ANY = ("0.0.0.0", "::")  # noqa: S104  (compared, not listened on)


class ZeroconfAnnouncement:
    """The announcement, from `start` to `stop`; the library answers queries in its own thread."""

    def __init__(self, config: Config) -> None:
        """Nothing is sent yet."""
        self._name = config.name
        self._address = config.wyoming.address
        self._responder: Any = None
        self._service: Any = None

    def start(self) -> None:
        """Announce the server, under another name if this one is taken.

        Raises:
            NeededError: no multicast can be sent.

        """
        import zeroconf  # noqa: PLC0415  (10 MB of memory, only for who wants it)

        assert self._address is not None  # noqa: S101  (it is checked at the start)
        host, port = self._address
        addresses = memory_and_sockets.own_addresses() if host in ANY else [host]
        self._service = zeroconf.ServiceInfo(
            SERVICE,
            f"{self._name}.{SERVICE}",
            port=port,
            addresses=[_packed(one) for one in addresses],
            server=f"{self._name}.local.",
        )
        try:
            self._responder = zeroconf.Zeroconf(interfaces=addresses)
            self._responder.register_service(self._service, allow_name_change=True)
        except (OSError, zeroconf.Error) as error:
            self.stop()
            raise NeededError(
                f"wyoming.announce: it cannot be announced: {error}; set it to false"
            ) from error

    def stop(self) -> None:
        """Withdraw the announcement."""
        responder, self._responder = self._responder, None
        if responder is not None:
            with contextlib.suppress(OSError):
                responder.unregister_all_services()
            responder.close()


def _packed(address: str) -> bytes:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_pton(family, address)
