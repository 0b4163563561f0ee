"""What the systemd service will see, from its unit and the permissions of files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from appliance import config
from appliance.doctor.check_result import CheckContext, CheckResult, CheckVerdict
from appliance.doctor.service import service
from appliance.system import service_unit

if TYPE_CHECKING:
    from collections.abc import Iterator

BROKER = "[mqtt]\nhost = 'broker'\n"


class InstalledUnit:
    """A unit below a root of its own, and the configuration that it names."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config_path = root / "etc" / "appliance" / "config.toml"
        self.config_path.parent.mkdir(parents=True)
        self.unit("DynamicUser=yes", "ProtectSystem=strict", "StateDirectory=appliance")

    def unit(self, *lines: str) -> None:
        folder = self.root / "etc/systemd/system"
        folder.mkdir(parents=True, exist_ok=True)
        command = f"ExecStart=/python -m appliance run --config {self.config_path}"
        (folder / service_unit.NAME).write_text("\n".join(["[Service]", command, *lines]))

    def drop_in(self, place: str, name: str, *lines: str) -> None:
        folder = self.root / place / f"{service_unit.NAME}.d"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("\n".join(["[Service]", *lines]))

    def answers(self, text: str) -> list[CheckResult]:
        self.config_path.write_text(text)
        self.config_path.chmod(0o644)
        return self.answers_for(text)

    def answers_for(self, text: str) -> list[CheckResult]:
        context = CheckContext(config.parse(text), self.root, config_path=self.config_path)
        return list(service(context))

    def error(self, text: str) -> str:
        (answer,) = self.answers(text)
        assert answer.verdict is CheckVerdict.ERROR, answer
        return f"{answer.found}; {answer.advice or ''}"


@pytest.fixture
def installed() -> Iterator[InstalledUnit]:
    """In a folder that everybody may enter; those of pytest are closed to others."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield InstalledUnit(Path(folder))


def test_a_configuration_that_the_service_can_use_is_ok(installed: InstalledUnit) -> None:
    (answer,) = installed.answers(BROKER)
    assert answer.verdict is CheckVerdict.OK, answer


def test_an_embedded_broker_under_the_service_is_a_warning(installed: InstalledUnit) -> None:
    (answer,) = installed.answers("")
    assert answer.verdict is CheckVerdict.WARNING
    assert "embedded broker" in answer.found


def test_a_configuration_that_only_its_owner_may_read_is_an_error(
    installed: InstalledUnit,
) -> None:
    installed.config_path.write_text(BROKER)
    installed.config_path.chmod(0o600)
    (answer,) = installed.answers_for(BROKER)
    assert answer.verdict is CheckVerdict.ERROR
    assert f"sudo chmod o+r {installed.config_path}" in answer.found


@pytest.mark.parametrize(
    ("setting", "folder"),
    [("ProtectHome", "/home/me/s"), ("PrivateTmp", "/tmp/s")],  # noqa: S108
)
def test_a_folder_that_the_sandbox_hides_is_an_error(
    installed: InstalledUnit, setting: str, folder: str
) -> None:
    installed.unit("DynamicUser=yes", f"{setting}=yes")
    *_, answer = installed.answers(f"{BROKER}[sentences]\nfolder = '{folder}'")
    assert answer.verdict is CheckVerdict.ERROR
    assert f"sentences.folder: the service cannot see {folder} ({setting}=)" in answer.found
    assert "/etc/appliance" in str(answer.advice)


@pytest.mark.parametrize("closed", ["file", "folder", "parent"])
def test_a_file_or_folder_that_others_may_not_read_is_an_error(
    installed: InstalledUnit, closed: str
) -> None:
    folder = installed.root / "srv" / "sentences"
    folder.mkdir(parents=True)
    file = folder / "own.yaml"
    file.write_text("")
    chosen = {"file": file, "folder": folder, "parent": folder.parent}[closed]
    for path in (folder.parent, folder, file):
        path.chmod(0o755)
    chosen.chmod(0o700)
    said = installed.error(f"{BROKER}[sentences]\nfolder = '{folder}'")
    assert "chmod o+" in said
    assert str(chosen) in said


def test_a_password_that_only_root_may_read_needs_a_credential(installed: InstalledUnit) -> None:
    secret = installed.root / "etc/appliance/mqtt.password"
    secret.write_text("secret")
    secret.chmod(0o600)
    login = f"{BROKER}username = 'me'\npassword_file = "
    assert "LoadCredential=" in installed.error(f"{login}'{secret}'")
    said = installed.error(f"{login}'mqtt.password'")
    assert "no credential mqtt.password" in said
    assert "LoadCredential=mqtt.password:/etc/appliance/mqtt.password" in said
    installed.drop_in(
        "etc/systemd/system", "override.conf", f"LoadCredential=mqtt.password:{secret}"
    )
    (answer,) = installed.answers(f"{login}'mqtt.password'")
    assert answer.verdict is CheckVerdict.OK


def test_a_group_that_does_not_exist_is_an_error(installed: InstalledUnit) -> None:
    installed.unit("DynamicUser=yes", "SupplementaryGroups=no-such-group")
    assert "sudo groupadd --system no-such-group" in installed.error(BROKER)


def test_a_state_directory_that_is_read_only_for_the_service_is_an_error(
    installed: InstalledUnit,
) -> None:
    text = f"{BROKER}[device]\nstate_directory = '/srv/state'"
    assert "cannot write to /srv/state" in installed.error(text)
    installed.drop_in("etc/systemd/system", "disk.conf", "ReadWritePaths=/srv")
    (answer,) = installed.answers(text)
    assert answer.verdict is CheckVerdict.OK


def test_drop_ins_count_in_systemd_s_order_and_an_empty_value_takes_back(
    installed: InstalledUnit,
) -> None:
    installed.unit(
        "ProtectHome=yes", "ReadWritePaths=/a", "# ProtectHome=no", "LoadCredential=a:/a"
    )
    installed.drop_in("run/systemd/system", "b.conf", "ReadWritePaths=", "ReadWritePaths=/b /c")
    installed.drop_in("etc/systemd/system", "z.conf", "ProtectHome=no")
    installed.drop_in("etc/systemd/system", "x.conf", "ProtectHome=read-only")
    installed.drop_in("usr/lib/systemd/system", "z.conf", "LoadCredential=hidden:/z")
    unit = service_unit.read(installed.root)
    assert unit is not None
    assert unit.words("ReadWritePaths") == ["/b", "/c"]
    assert not unit.is_on("ProtectHome")
    assert unit.credentials == {"a"}


def test_another_configuration_and_a_machine_without_the_unit_are_not_judged(
    installed: InstalledUnit, tmp_path: Path
) -> None:
    own = tmp_path / "own.toml"
    for root in (installed.root, tmp_path / "elsewhere"):
        context = CheckContext(config.parse(""), root, config_path=own)
        (answer,) = service(context)
        assert answer.verdict is CheckVerdict.NOT_HERE
