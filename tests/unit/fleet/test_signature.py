"""Signatures by openssl: what is verified, and what is said if it cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from appliance.errors import BundleError, NeededError
from appliance.fleet import signature

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    pair = tmp_path / "fleet.key", tmp_path / "fleet.pub"
    signature.make_key(*pair)
    return pair


def test_only_the_owner_can_read_the_private_key(keys: tuple[Path, Path]) -> None:
    assert keys[0].stat().st_mode & 0o077 == 0
    with pytest.raises(BundleError, match="there already"):
        signature.make_key(*keys)


def test_exactly_what_was_signed_is_verified(keys: tuple[Path, Path]) -> None:
    signed = signature.sign(b"content", keys[0])
    signature.verify(b"content", signed, keys[1])
    for content, given in ((b"content.", signed), (b"content", b""), (b"content", signed * 2)):
        with pytest.raises(BundleError, match="not signed by the key"):
            signature.verify(content, given, keys[1])


def test_a_private_key_in_place_of_the_public_one_is_refused(keys: tuple[Path, Path]) -> None:
    signed = signature.sign(b"content", keys[0])
    with pytest.raises(BundleError, match="not a public key"):
        signature.verify(b"content", signed, keys[0])


def test_without_openssl_it_is_said_what_to_install(
    keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert signature.problem_with(keys[1]) == ""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install -y openssl" in signature.problem_with(keys[1])
    with pytest.raises(NeededError, match="apt-get install -y openssl"):
        signature.sign(b"content", keys[0])


def test_an_openssl_that_never_ends_is_given_up(
    keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "openssl"
    program.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(signature, "TIMEOUT_S", 0.2)
    with pytest.raises(NeededError, match="openssl cannot be used"):
        signature.verify(b"content", b"signature", keys[1])
