"""`appliance network --apply`, as the unit runs it before each start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance import cli
from appliance.commands import network
from appliance.system.systemd_ip_allowlist import DROP_IN


class FakeSystemd:
    """A root folder, and a fake systemd that counts its reloads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config = root / "config.toml"
        self.drop_in = root / DROP_IN
        self._told = root / "told"

    def apply(self, host: str) -> int:
        self.config.write_text(f'[mqtt]\nhost = "{host}"\n', "utf-8")
        return cli.main(["network", "--apply", "--config", str(self.config)])

    @property
    def reloads(self) -> int:
        return len(self._told.read_text("utf-8").splitlines()) if self._told.exists() else 0

    def be_systemd(self, status: int = 0) -> None:
        program = self.root / "programs/systemctl"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho "$@" >>{self._told}\nexit {status}\n', "utf-8")
        program.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSystemd:
    found = FakeSystemd(tmp_path)
    found.be_systemd()
    monkeypatch.setenv("PATH", f"{tmp_path}/programs:{os.environ['PATH']}")
    monkeypatch.setattr(network, "ROOT", tmp_path)
    return found


def test_a_start_allows_only_the_configured_broker(
    machine: FakeSystemd,
) -> None:
    assert machine.apply("192.168.7.7") == 0
    assert "IPAddressAllow=localhost 192.168.7.7\n" in machine.drop_in.read_text("utf-8")
    assert machine.drop_in.stat().st_mode & 0o777 == 0o644
    assert machine.apply("10.1.2.3") == 0
    assert "192.168.7.7" not in machine.drop_in.read_text("utf-8")
    assert machine.reloads == 2


def test_a_start_with_the_same_broker_does_not_reload_systemd(machine: FakeSystemd) -> None:
    for _ in range(3):
        assert machine.apply("192.168.7.7") == 0
    assert machine.reloads == 1


def test_a_host_name_removes_the_drop_in(machine: FakeSystemd) -> None:
    machine.apply("192.168.7.7")
    assert machine.apply("broker.lan") == 0
    assert not machine.drop_in.exists()
    assert machine.reloads == 2
    assert machine.apply("broker.lan") == 0
    assert machine.reloads == 2


def test_a_failed_reload_of_systemd_is_tried_again_at_the_next_start(
    machine: FakeSystemd, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.be_systemd(status=1)
    assert machine.apply("192.168.7.7") == 1
    assert "run as root, under systemd" in capsys.readouterr().err
    assert not machine.drop_in.exists()
    machine.be_systemd()
    assert machine.apply("192.168.7.7") == 0
    assert machine.drop_in.exists()


def test_a_wrong_configuration_changes_nothing(machine: FakeSystemd) -> None:
    machine.apply("192.168.7.7")
    machine.config.write_text("nonsense = [", "utf-8")
    assert cli.main(["network", "--apply", "--config", str(machine.config)]) == 78
    assert machine.drop_in.exists()
    assert machine.reloads == 1


def test_without_apply_the_drop_in_is_only_printed(
    machine: FakeSystemd, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.config.write_text('[mqtt]\nhost = "192.168.7.7"\n', "utf-8")
    assert cli.main(["network", "--config", str(machine.config)]) == 0
    assert "IPAddressAllow=localhost 192.168.7.7" in capsys.readouterr().out
    assert not machine.drop_in.exists()
