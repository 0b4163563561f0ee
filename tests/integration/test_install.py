"""script/install: what it installs, what it keeps, when it rolls back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.system_tree import VERSION, FakeSystemTree, system

__all__ = ["system"]


def test_a_fresh_system_gets_unit_configuration_command_and_log_limits(
    system: FakeSystemTree,
) -> None:
    done = system.install()
    assert done.returncode == 0, done.stdout
    assert system.in_force == VERSION
    assert system.files == {
        "etc/appliance/config.toml",
        "etc/appliance/config.toml.default",
        "etc/systemd/journald@appliance.conf",
        "etc/systemd/system/appliance.service",
        "etc/systemd/system/multi-user.target.wants/appliance.service",
        "usr/local/bin/appliance",
    }
    assert (system.tree / "var/lib/appliance").stat().st_mode & 0o777 == 0o700
    assert os.access(system.tree / "usr/local/bin/appliance", os.X_OK)
    # The unit starts what was installed, independent of the root folder.
    unit = (system.tree / "etc/systemd/system/appliance.service").read_text()
    link = system.tree / "opt/appliance/.venv"
    assert "ExecStart=/opt/appliance/.venv/bin/python " in unit
    assert not link.readlink().is_absolute()
    assert (link / "bin/python").exists()
    bill = (link.resolve().parent / "sbom.cdx.json").read_text()
    assert '"CycloneDX"' in bill


def test_gpio_access_is_allowed_only_on_a_board_with_pins(system: FakeSystemTree) -> None:
    (system.tree / "etc/group").write_text("audio:x:29:\ngpio:x:993:pi\n")
    assert system.install().returncode == 0
    assert "etc/systemd/system/appliance.service.d/gpio.conf" in system.files


FIRMWARE = "etc/systemd/system/appliance.service.d/firmware.conf"


def be_board(system: FakeSystemTree, model: str) -> None:
    (system.tree / "etc/group").write_text("video:x:44:\n")
    name = system.tree / "proc/device-tree/model"
    name.parent.mkdir(parents=True)
    name.write_bytes(model.encode() + b"\0")


def test_a_raspberry_pi_5_s_firmware_may_be_asked(system: FakeSystemTree) -> None:
    be_board(system, "Raspberry Pi 5 Model B Rev 1.0")
    assert system.install().returncode == 0
    assert FIRMWARE in system.files
    system.install("--uninstall")
    assert FIRMWARE not in system.files


def test_another_board_s_firmware_may_be_asked_only_on_request(
    system: FakeSystemTree,
) -> None:
    be_board(system, "Raspberry Pi 4 Model B Rev 1.4")
    assert system.install().returncode == 0
    assert FIRMWARE not in system.files
    assert system.install("--firmware").returncode == 0
    assert FIRMWARE in system.files
    # An update keeps it.
    system.be_version("9.8.8")
    assert system.install().returncode == 0
    assert FIRMWARE in system.files


def test_a_link_to_dev_null_keeps_the_firmware_disabled(system: FakeSystemTree) -> None:
    be_board(system, "Raspberry Pi 5 Model B Rev 1.0")
    system.install()
    (system.tree / FIRMWARE).unlink()
    (system.tree / FIRMWARE).symlink_to("/dev/null")
    system.be_version("9.8.8")
    assert system.install().returncode == 0
    assert (system.tree / FIRMWARE).readlink() == Path("/dev/null")


@pytest.mark.parametrize("words", [(), ("--uninstall", "--keep")])
def test_the_old_name_of_the_firmware_file_is_removed(
    system: FakeSystemTree, words: tuple[str, ...]
) -> None:
    system.install()
    be_board(system, "Raspberry Pi 5 Model B Rev 1.0")
    old = system.tree / FIRMWARE.replace("firmware", "power-controller")
    old.parent.mkdir(exist_ok=True)
    old.write_text("[Service]\nDeviceAllow=/dev/vcio rw\n")
    assert system.install(*words).returncode == 0
    assert not old.exists()
    assert (FIRMWARE in system.files) is (not words)


def test_an_update_keeps_configuration_and_state_and_the_version_before(
    system: FakeSystemTree,
) -> None:
    system.install()
    config, journal = (
        system.tree / "etc/appliance/config.toml",
        system.tree / "var/lib/appliance/journal.db",
    )
    config.write_text("# mine\n")
    journal.write_text("mine\n")
    for version in ("9.8.8", "9.8.9"):
        system.be_version(version)
        assert system.install().returncode == 0
    assert system.in_force == "9.8.9"
    assert (config.read_text(), journal.read_text()) == ("# mine\n", "mine\n")
    assert "[mqtt]" in (system.tree / "etc/appliance/config.toml.default").read_text()
    kept = {
        path.name.rsplit(".", 2)[0] for path in (system.tree / "opt/appliance/releases").iterdir()
    }
    assert kept == {"9.8.8", "9.8.9"}


def test_a_version_that_fails_its_check_is_not_activated(system: FakeSystemTree) -> None:
    system.install()
    system.be_version("9.9.0")
    system.check_says("9.9.0", models="whisper is damaged")
    done = system.install()
    assert done.returncode == 1
    assert "the previous one stays active" in done.stdout
    assert "models: whisper is damaged" in done.stdout
    assert system.in_force == VERSION
    assert len(list((system.tree / "opt/appliance/releases").iterdir())) == 1


NEW_LINE = "# of the new version\n"


def be_newer(system: FakeSystemTree, version: str) -> None:
    """A version with changed files outside its release, and with a new one."""
    system.be_version(version)
    for name in ("config.toml", "systemd/journald@appliance.conf", "systemd/gpio.conf"):
        with (system.checkout / name).open("a", encoding="utf-8") as file:
            file.write(NEW_LINE)
    script = system.checkout / "script/bundle-files.sh"
    script.write_text(script.read_text().replace("#!/bin/sh\n#", f"#!/bin/sh\n{NEW_LINE}#"))
    be_board(system, "Raspberry Pi 5 Model B Rev 1.0")


def contents(system: FakeSystemTree) -> dict[str, str]:
    skipped = ("etc/group", "proc/")
    return {
        name: (system.tree / name).read_text()
        for name in system.files
        if not name.startswith(skipped)
    }


@pytest.mark.parametrize("failing", ["check", "models"])
def test_a_rollback_restores_the_files_outside_the_release(
    system: FakeSystemTree, failing: str
) -> None:
    (system.tree / "etc/group").write_text("gpio:x:993:\n")
    system.install()
    before = contents(system)
    be_newer(system, "9.9.0")
    if failing == "check":
        system.check_says("9.9.0", models="whisper is damaged")
    else:
        (system.told / "models").write_text("69")
    assert system.install().returncode != 0
    assert contents(system) == before
    # Without an error the new files stay.
    system.check_says("9.9.0")
    (system.told / "models").unlink(missing_ok=True)
    assert system.install().returncode == 0
    after = contents(system)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed >= {
        "etc/appliance/config.toml.default",
        "etc/systemd/journald@appliance.conf",
        "usr/local/bin/appliance",
        FIRMWARE,
    }
    assert after["etc/appliance/config.toml"] == before["etc/appliance/config.toml"]


def test_a_first_installation_without_models_leaves_only_what_an_owner_may_have_changed(
    system: FakeSystemTree,
) -> None:
    (system.told / "models").write_text("69")
    assert system.install().returncode == 69
    assert system.files == {"etc/appliance/config.toml"}


def test_errors_of_the_old_version_do_not_block_an_update(system: FakeSystemTree) -> None:
    system.install()
    system.check_says(VERSION, broker="10.0.0.7:1883: nobody answers after 3 s")
    system.be_version("9.9.0")
    system.check_says("9.9.0", broker="10.0.0.7:1883: nobody answers after 4 s")
    assert system.install().returncode == 0
    assert system.in_force == "9.9.0"


def test_the_error_of_a_version_that_does_not_start_is_printed(system: FakeSystemTree) -> None:
    system.install()
    system.be_version("9.9.0")
    (system.told / "check-9.9.0").write_text("ImportError: libgomp.so.1\n")
    done = system.install()
    assert done.returncode == 1
    assert "it does not even start: ImportError: libgomp.so.1" in done.stdout
    assert system.in_force == VERSION


def test_a_first_installation_with_errors_stays_and_says_what_to_correct(
    system: FakeSystemTree,
) -> None:
    system.check_says(VERSION, broker="no such host")
    done = system.install()
    assert done.returncode == 1
    assert "broker: no such host" in done.stdout
    assert system.in_force == VERSION


def test_without_the_models_nothing_changes(system: FakeSystemTree) -> None:
    system.install()
    (system.told / "models").write_text("69")
    system.be_version("9.9.0")
    done = system.install()
    assert done.returncode == 69
    assert "Models are missing" in done.stdout
    assert system.in_force == VERSION


@pytest.mark.parametrize("keep", [True, False])
def test_an_uninstall_leaves_only_what_should_be_kept(
    system: FakeSystemTree, *, keep: bool
) -> None:
    (system.tree / "etc/group").write_text("gpio:x:993:\n")
    before = system.files
    system.install()
    own = system.tree / "etc/systemd/system/appliance.service.d/override.conf"
    own.write_text("[Service]\n")
    done = system.install("--uninstall", *(["--keep"] if keep else []))
    assert done.returncode == 0, done.stdout
    kept = {
        "etc/appliance/config.toml",
        "etc/appliance/config.toml.default",
        own.relative_to(system.tree).as_posix(),
    }
    assert system.files == before | (kept if keep else set())
    assert (system.tree / "var/lib/appliance").exists() is keep
    assert not (system.tree / "opt/appliance").exists()
    assert system.install("--uninstall").returncode == 0  # a second time, too


def test_an_unknown_option_is_rejected_first(system: FakeSystemTree) -> None:
    done = system.install("--purge")
    assert done.returncode == 2
    assert "there is no option --purge" in done.stdout
    assert system.files == set()
