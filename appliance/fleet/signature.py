"""Signatures of bundles: Ed25519, by the program openssl (3.0 or later)."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from appliance.errors import BundleError, NeededError

TIMEOUT_S = 30

NO_OPENSSL = "the program openssl is not installed; run: sudo apt-get install -y openssl"


def make_key(private_key: Path, public_key: Path) -> None:
    """Make a new pair of keys; only the owner can read the private one.

    Raises:
        BundleError: a key is there already, or cannot be written.

    """
    if private_key.exists():
        raise BundleError(f"{private_key} is there already; boards may trust it")
    private_key.touch(0o600)
    _openssl("genpkey", "-algorithm", "ed25519", "-out", private_key)
    _openssl("pkey", "-in", private_key, "-pubout", "-out", public_key)


def sign(content: bytes, private_key: Path) -> bytes:
    """The signature of the content.

    Raises:
        BundleError: it is not a private key of Ed25519.

    """
    with tempfile.TemporaryDirectory() as folder:
        signed, signature = Path(folder, "signed"), Path(folder, "signature")
        signed.write_bytes(content)
        _openssl(
            *("pkeyutl", "-sign", "-inkey", private_key, "-rawin"),
            *("-in", signed, "-out", signature),
        )
        return signature.read_bytes()


def verify(content: bytes, signature: bytes, public_key: Path) -> None:
    """Check a signature.

    Raises:
        BundleError: it is not by this key, or the key cannot be read.

    """
    problem = problem_with(public_key)
    if problem:
        raise BundleError(problem)
    with tempfile.TemporaryDirectory() as folder:
        signed, given = Path(folder, "signed"), Path(folder, "signature")
        signed.write_bytes(content)
        given.write_bytes(signature)
        try:
            _openssl(
                *("pkeyutl", "-verify", "-pubin", "-inkey", public_key, "-rawin"),
                *("-in", signed, "-sigfile", given),
            )
        except BundleError:
            raise BundleError("the bundle is not signed by the key in fleet.public_key") from None


def problem_with(public_key: Path) -> str:
    """Reason why no bundle can be verified; empty if verification works."""
    try:
        beginning = public_key.read_bytes()[:65_536]
    except OSError as error:
        return f"fleet.public_key: {public_key} cannot be read: {error.strerror}"
    if b"-----BEGIN PUBLIC KEY-----" not in beginning:
        return f"fleet.public_key: {public_key} is not a public key (PEM)"
    return "" if shutil.which("openssl") else NO_OPENSSL


def _openssl(*words: str | Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603  (a program of the system)
            ["openssl", *map(str, words)],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
    except FileNotFoundError:
        raise NeededError(NO_OPENSSL) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NeededError(f"openssl cannot be used: {error}") from error
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BundleError(f"openssl {words[0]} failed: {why}")
