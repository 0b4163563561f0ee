"""The bearer tokens of HTTP clients: made by `appliance token`, hashed on disk, looked up."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from appliance.errors import UNREADABLE_JSON, ApplianceError
from appliance.system import atomic_file

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

FILE = "http-tokens.json"

PREFIX = "apl-"
"""Beginning of every token, by which tools can find leaked ones."""

TOKEN_BYTES = 32
"""Random bytes of a token. So many cannot be guessed, so a plain hash of them is enough."""

MOST_TOKENS = 100

ClientName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")]


class KeptToken(msgspec.Struct, frozen=True):
    """The record of a token, without the token itself."""

    sha256: str
    made_at: str
    """UTC, ISO 8601."""


class ClientTokens:
    """The file of tokens in the state directory. One process writes, others read what it wrote."""

    def __init__(self, state_directory: Path) -> None:
        self._path = state_directory / FILE
        self._read_from: tuple[int, int] | None = None
        self._kept: dict[str, KeptToken] = {}

    def kept(self) -> dict[str, KeptToken]:
        """Every client's token, by the client's name; read again if the file has changed.

        Raises:
            ApplianceError: the file is damaged.
            OSError: it cannot be read.

        """
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._read_from, self._kept = None, {}
            return {}
        version = (found.st_ino, found.st_mtime_ns)
        if version != self._read_from:
            try:
                self._kept = msgspec.json.decode(
                    self._path.read_bytes(), type=dict[ClientName, KeptToken]
                )
            except UNREADABLE_JSON as error:
                why = f"{self._path} is damaged ({error}); delete it and make the tokens again"
                raise ApplianceError(why) from error
            self._read_from = version
        return dict(self._kept)

    def client_of(self, token: str) -> str | None:
        """The name of the client to which a token was given; None if it was not given."""
        digest = _digest(token)
        found = None
        for name, kept in self.kept().items():
            if secrets.compare_digest(kept.sha256, digest):
                found = name
        return found

    def add(self, name: str) -> str:
        """Make a token for a new client, and return it: it can never be read again.

        Raises:
            ApplianceError: the name is taken or cannot be used, or there are too many.

        """
        try:
            msgspec.convert(name, ClientName)
        except msgspec.ValidationError:
            raise ApplianceError(
                f"{name!r} cannot be a client's name; use letters, digits, _, . and -"
            ) from None
        kept = self.kept()
        if name in kept:
            raise ApplianceError(f"{name} has a token already; to replace it, remove it first")
        if len(kept) >= MOST_TOKENS:
            raise ApplianceError(
                f"there are {MOST_TOKENS} tokens already; remove one that is unused"
            )
        token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        made_at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        self._write({**kept, name: KeptToken(_digest(token), made_at)})
        return token

    def remove(self, name: str) -> bool:
        """Withdraw a client's token, at once; False if it has none."""
        kept = self.kept()
        if kept.pop(name, None) is None:
            return False
        self._write(kept)
        return True

    def _write(self, kept: dict[str, KeptToken]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        atomic_file.replace(self._path, msgspec.json.format(msgspec.json.encode(kept)))
        owner = self._path.parent.stat()
        with contextlib.suppress(PermissionError):  # only root may give it to the service's user
            os.chown(self._path, owner.st_uid, owner.st_gid)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
