"""Passwords and sessions of the page: hashed on disk, roles, ends; and how often one may guess."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from appliance.errors import ApplianceError
from appliance.page import access
from appliance.page.access import FILE, PageAccess, Role
from appliance.page.login_limit import ALL_TOGETHER, PER_ADDRESS, WINDOW_S, LoginLimit


@pytest.fixture(autouse=True)
def _cheap_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "SCRYPT_N", 2)


def test_the_first_start_makes_a_password_that_only_its_file_has(tmp_path: Path) -> None:
    kept = PageAccess(tmp_path)
    file = kept.ensure_password()
    assert file is not None
    password = file.read_text().strip()
    assert file.stat().st_mode & 0o077 == 0
    assert kept.role_of_password(password) is Role.OWNER
    assert password not in (tmp_path / FILE).read_text()
    assert kept.ensure_password() == file
    assert file.read_text().strip() == password


def test_a_new_password_replaces_the_first_one_and_ends_every_session(tmp_path: Path) -> None:
    daemon, command = PageAccess(tmp_path), PageAccess(tmp_path)
    file = daemon.ensure_password()
    assert file is not None
    first, cookie = file.read_text().strip(), daemon.begin_session(Role.OWNER)
    assert daemon.role_of_session(cookie) is Role.OWNER
    second = command.make_password(Role.OWNER)
    assert daemon.role_of_session(cookie) is None
    assert daemon.role_of_password(first) is None
    assert daemon.role_of_password(second) is Role.OWNER
    assert daemon.ensure_password() is None
    assert not file.exists()


def test_a_viewer_has_a_password_of_their_own(tmp_path: Path) -> None:
    kept = PageAccess(tmp_path)
    kept.ensure_password()
    viewer = kept.make_password(Role.VIEWER)
    assert kept.role_of_password(viewer) is Role.VIEWER
    assert kept.ensure_password() is not None


@pytest.mark.parametrize("password", ["", "x", "a" * 10_000, "\u0000", "ü"])
def test_a_wrong_password_is_nobodys(tmp_path: Path, password: str) -> None:
    kept = PageAccess(tmp_path)
    kept.ensure_password()
    assert kept.role_of_password(password) is None


def test_a_session_survives_a_restart_and_ends_when_asked(tmp_path: Path) -> None:
    cookie = PageAccess(tmp_path).begin_session(Role.VIEWER)
    again = PageAccess(tmp_path)
    assert again.role_of_session(cookie) is Role.VIEWER
    assert again.role_of_session(cookie + "x") is None
    assert cookie not in (tmp_path / FILE).read_text()
    again.end_session(cookie)
    assert again.role_of_session(cookie) is None


def test_an_old_session_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = PageAccess(tmp_path)
    cookie = kept.begin_session(Role.OWNER)
    later = time.time() + access.SESSION_S + 1
    monkeypatch.setattr("time.time", lambda: later)
    assert kept.role_of_session(cookie) is None


def test_there_are_never_more_sessions_than_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "MOST_SESSIONS", 3)
    kept = PageAccess(tmp_path)
    cookies = [kept.begin_session(Role.OWNER) for _ in range(5)]
    good = [cookie for cookie in cookies if kept.role_of_session(cookie) is not None]
    assert good == cookies[-3:]
    kept = PageAccess(tmp_path / "few")
    cookies = [kept.begin_session(Role.OWNER) for _ in range(2)]
    assert all(kept.role_of_session(cookie) is not None for cookie in cookies)


@pytest.mark.parametrize(
    "content", [b"{", b"\xff", b'{"passwords": {"owner": {"salt": "z", "scrypt": "0"}}}']
)
def test_a_damaged_file_lets_nobody_in_and_a_start_makes_another_one(
    tmp_path: Path, content: bytes
) -> None:
    kept = PageAccess(tmp_path)
    cookie = kept.begin_session(Role.OWNER)
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ApplianceError, match="damaged"):
        kept.role_of_password("")
    with pytest.raises(ApplianceError, match="damaged"):
        kept.role_of_session(cookie)
    file = PageAccess(tmp_path).ensure_password()
    assert file is not None
    assert kept.role_of_password(file.read_text().strip()) is Role.OWNER
    assert kept.role_of_session(cookie) is None
    assert (tmp_path / f"{FILE}.damaged").read_bytes() == content


def test_an_address_waits_after_some_failures_and_others_do_not() -> None:
    limit = LoginLimit()
    for second in range(PER_ADDRESS):
        assert limit.wait_s("a", second) == 0.0
        limit.count_failure("a", second)
    assert limit.wait_s("a", 10.0) == pytest.approx(WINDOW_S - 10.0)
    assert limit.wait_s("b", 10.0) == 0.0
    assert limit.wait_s("a", WINDOW_S) == 0.0


def test_many_addresses_together_wait_too() -> None:
    limit = LoginLimit()
    for number in range(ALL_TOGETHER):
        limit.count_failure(f"host-{number}", 0.0)
    assert limit.wait_s("another", 1.0) == pytest.approx(WINDOW_S - 1.0)


def test_the_right_password_is_no_failure_and_forgives_none_before_it() -> None:
    limit = LoginLimit()
    for _ in range(PER_ADDRESS):
        limit.count_failure("a", 0.0)
    limit.take_back("a")
    assert limit.wait_s("a", 0.0) == 0.0
    limit.count_failure("a", 0.0)
    assert limit.wait_s("a", 0.0) > 0.0


def test_all_addresses_of_one_ipv6_network_are_one_source() -> None:
    limit = LoginLimit()
    for number in range(PER_ADDRESS):
        limit.count_failure(f"fd00::{number:x}:1", 0.0)
    assert limit.wait_s("fd00::ffff:2%eth0", 0.0) > 0.0
    assert limit.wait_s("fd00:0:0:1::1", 0.0) == 0.0


def test_sessions_of_viewers_end_none_of_the_owners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "MOST_SESSIONS", 3)
    kept = PageAccess(tmp_path)
    owner = kept.begin_session(Role.OWNER)
    for _ in range(5):
        kept.begin_session(Role.VIEWER)
    assert kept.role_of_session(owner) is Role.OWNER
