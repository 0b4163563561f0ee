"""Whether a manifest was signed by who builds our images; OpenSSL decides, Ed25519."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from appliance_image.errors import Failed, Refused


def verify(content: bytes, signature: bytes, public_key: Path) -> None:
    """Check the signature.

    Raises:
        Refused: it is not by this key, or there is no key.

    """
    if not public_key.is_file():
        raise Refused(f"There is no key to check an update with ({public_key}): flash the card.")
    with tempfile.TemporaryDirectory() as folder:
        signed, seal = Path(folder, "signed"), Path(folder, "seal")
        signed.write_bytes(content)
        seal.write_bytes(signature)
        checked = _openssl(
            *("-verify", "-pubin", "-inkey", f"{public_key}"),
            *("-rawin", "-in", f"{signed}", "-sigfile", f"{seal}"),
        )
    if checked.returncode != 0:
        raise Refused("The update is not signed by the key of this system's image.")


def sign(content: bytes, private_key: Path) -> bytes:
    """The signature of the content.

    Raises:
        Failed: OpenSSL cannot use the key.

    """
    with tempfile.TemporaryDirectory() as folder:
        signed, seal = Path(folder, "signed"), Path(folder, "seal")
        signed.write_bytes(content)
        made = _openssl(
            *("-sign", "-inkey", f"{private_key}"),
            *("-rawin", "-in", f"{signed}", "-out", f"{seal}"),
        )
        if made.returncode != 0:
            raise Failed(f"{private_key} is not a private key of Ed25519: {made.stderr.strip()}")
        return seal.read_bytes()


def make_key(private_key: Path, public_key: Path) -> None:
    """A new pair; only the owner of the files can read the private one.

    Raises:
        Failed: OpenSSL says no.

    """
    made = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519", "-out", private_key],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode == 0:
        private_key.chmod(0o600)
        made = subprocess.run(
            ["openssl", "pkey", "-in", private_key, "-pubout", "-out", public_key],
            capture_output=True,
            text=True,
            check=False,
        )
    if made.returncode != 0:
        raise Failed(f"No key could be made: {made.stderr.strip()}")


def _openssl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["openssl", "pkeyutl", *arguments], capture_output=True, text=True, check=False
    )
