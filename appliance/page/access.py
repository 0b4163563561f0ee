"""Who may use the page: passwords and sessions, hashed, in one file of the state directory."""

from __future__ import annotations

import contextlib
import enum
import hashlib
import logging
import os
import secrets
import threading
import time
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from appliance.errors import UNREADABLE_JSON, ApplianceError
from appliance.system import atomic_file

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

FILE = "page-access.json"

PASSWORD_FILE = "page-password.txt"  # noqa: S105  (the name of a file)
"""Holds the generated first password until the owner sets another one."""

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Characters of a generated password; none of them look alike."""

PASSWORD_LETTERS = 16
"""31 letters to the power of 16 are 79 bits."""

SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**15, 8, 1
"""Cost of one password check: 32 MB for a moment (RFC 7914)."""

SCRYPT_MEMORY_BYTES = 64 * 1024 * 1024

SESSION_S = 7 * 24 * 3600.0
"""Seconds after which a browser must log in again."""

MOST_SESSIONS = 50
"""Maximum number of sessions of one role; a new one ends the oldest. Viewers cannot end the
owner's."""

LONGEST_PASSWORD = 256
"""Maximum length of a password, in characters; a longer one is refused."""


class Role(enum.StrEnum):
    """What a password permits."""

    OWNER = "owner"
    """Everything that the page can do."""
    VIEWER = "viewer"
    """Looks and tries; changes nothing."""


Hexadecimal = Annotated[str, Meta(pattern="^([0-9a-f]{2})+$")]


class KeptPassword(msgspec.Struct, frozen=True):
    """A password's hash, by scrypt."""

    salt: Hexadecimal
    scrypt: Hexadecimal


class KeptSession(msgspec.Struct, frozen=True):
    """One browser that has logged in."""

    role: Role
    ends_at: float
    """Unix seconds."""


class KeptAccess(msgspec.Struct, frozen=True):
    """The content of the file."""

    passwords: dict[Role, KeptPassword] = {}
    sessions: dict[str, KeptSession] = {}
    """Sessions by the SHA-256 of their cookie."""


class PageAccess:
    """The file of passwords and sessions. Any thread; the command line may write it, too."""

    def __init__(self, state_directory: Path) -> None:
        self._path = state_directory / FILE
        self.password_path = state_directory / PASSWORD_FILE
        """The file with the first password; it exists until the owner sets another one."""
        self._lock = threading.RLock()
        self._hashing = threading.Lock()
        self._read_from: tuple[int, int] | None = None
        self._kept = KeptAccess()

    def ensure_password(self) -> Path | None:
        """Make the owner's password if there is none; return the file of the first one, if any.

        A damaged file is set aside: it must not keep the appliance from starting.

        Raises:
            OSError: it cannot be read or written.

        """
        with self._lock:
            if Role.OWNER not in self._read_or_set_aside().passwords:
                password = self.make_password(Role.OWNER)
                atomic_file.replace(self.password_path, password.encode() + b"\n")
        return self.password_path if self.password_path.exists() else None

    def make_password(self, role: Role) -> str:
        """Make a new password and end every session; return the password, which is not stored."""
        password = "".join(secrets.choice(LETTERS) for _ in range(PASSWORD_LETTERS))
        salt = secrets.token_bytes(16)
        kept = KeptPassword(salt.hex(), self._hash(password, salt).hex())
        with self._lock:
            passwords = {**self._read_or_set_aside().passwords, role: kept}
            self._write(KeptAccess(passwords))
            if role is Role.OWNER:
                atomic_file.remove(self.password_path)
        return password

    def role_of_password(self, password: str) -> Role | None:
        """The role whose password this is; None if it is wrong. It takes a moment, by design."""
        if len(password) > LONGEST_PASSWORD:
            return None
        found = None
        with self._lock:
            passwords = dict(self._read().passwords)
        for role, kept in passwords.items():
            digest = self._hash(password, bytes.fromhex(kept.salt)).hex()
            if secrets.compare_digest(digest, kept.scrypt):
                found = role
        return found

    def begin_session(self, role: Role) -> str:
        """The cookie of a new session."""
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            kept, now = self._read(), time.time()
            sessions = {key: one for key, one in kept.sessions.items() if one.ends_at > now}
            own = [key for key, one in sessions.items() if one.role is role]
            own.sort(key=lambda key: sessions[key].ends_at)
            for key in own[: max(0, len(own) - MOST_SESSIONS + 1)]:
                del sessions[key]
            sessions[_digest(cookie)] = KeptSession(role, now + SESSION_S)
            self._write(KeptAccess(kept.passwords, sessions))
        return cookie

    def role_of_session(self, cookie: str) -> Role | None:
        """The role of the session with this cookie; None if there is none, or it is over."""
        with self._lock:
            session = self._read().sessions.get(_digest(cookie))
        return session.role if session is not None and session.ends_at > time.time() else None

    def end_session(self, cookie: str) -> None:
        """The cookie is good for nothing any more."""
        with self._lock:
            kept = self._read()
            sessions = {key: one for key, one in kept.sessions.items() if key != _digest(cookie)}
            if sessions != kept.sessions:
                self._write(KeptAccess(kept.passwords, sessions))

    def _hash(self, password: str, salt: bytes) -> bytes:
        with self._hashing:  # one at a time: each needs memory
            return hashlib.scrypt(
                password.encode(),
                salt=salt,
                n=SCRYPT_N,
                r=SCRYPT_R,
                p=SCRYPT_P,
                maxmem=SCRYPT_MEMORY_BYTES,
            )

    def _read_or_set_aside(self) -> KeptAccess:
        """The content of the file; empty if it is damaged, which is then kept beside it."""
        try:
            return self._read()
        except ApplianceError as error:
            aside = self._path.with_name(f"{FILE}.damaged")
            self._path.replace(aside)
            logger.warning("%s; it is kept as %s, and every password is a new one", error, aside)
            return self._read()

    def _read(self) -> KeptAccess:
        """The content of the file, read again if it has changed.

        Raises:
            ApplianceError: it is damaged.

        """
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._read_from, self._kept = None, KeptAccess()
            return self._kept
        version = (found.st_ino, found.st_mtime_ns)
        if version != self._read_from:
            try:
                self._kept = msgspec.json.decode(self._path.read_bytes(), type=KeptAccess)
            except UNREADABLE_JSON as error:
                why = f"{self._path} is damaged ({error}); run: appliance page password"
                raise ApplianceError(why) from error
            self._read_from = version
        return self._kept

    def _write(self, kept: KeptAccess) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        atomic_file.replace(self._path, msgspec.json.format(msgspec.json.encode(kept)))
        owner = self._path.parent.stat()
        with contextlib.suppress(PermissionError):  # only root may give it to the service's user
            os.chown(self._path, owner.st_uid, owner.st_gid)
        self._read_from = None


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
