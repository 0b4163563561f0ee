"""The page on the image: HTTPS with the device's own certificate, which is renewed in time."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from appliance_image import (
    config_item,
    device_certificates,
    page_login,
    settings,
    toml_text,
)
from appliance_image.appliance_calls import Appliance
from appliance_image.system import System

from appliance import config

REPOSITORY = Path(__file__).parents[2]
OVERLAY = REPOSITORY / "image-build/overlay"
DAY_S = 24 * 3600


class NoJudge(Appliance):
    """Finds nothing wrong with any configuration; the tests look at it themselves."""

    def config_problems(self, config: Path) -> list[str]:
        return []


@pytest.fixture
def system(tmp_path: Path) -> System:
    system = System(NoJudge(), tmp_path)
    for folder in (system.owner, system.etc, system.persistent, system.shipped / "sentences"):
        folder.mkdir(parents=True)
    (system.shipped / "config.toml").write_bytes((REPOSITORY / "config.toml").read_bytes())
    return system


def page(system: System, owners: str = "") -> dict[str, Any]:
    """The page in the configuration that is in force, with what the owner wrote."""
    (system.owner / "config.toml").write_text(f"[device]\nname = 'kitchen'\n{owners}")
    settings.apply_all(system, image="one")
    device_certificates.make_page_certificate(system, "kitchen")
    config_item.put_in_force(system)
    return toml_text.read(system.config)["page"]


def certificate(system: System) -> bytes:
    return (system.etc / "page.pem").read_bytes()


def test_the_page_is_on_443_for_the_local_network_with_a_certificate(system: System) -> None:
    found = page(system)
    assert found["listen"] == "0.0.0.0:443"
    assert found["certificate_file"] == "/etc/appliance/page.pem"
    assert found["key_file"] == "page.key"
    assert config.parse(system.config.read_text()).page.allow == found["allow"]
    assert (system.etc / "page.key").stat().st_mode & 0o777 == 0o600


def test_firewall_unit_and_kernel_know_its_port_and_its_key() -> None:
    port = config_item.PAGE.rpartition(":")[2]
    firewall = (OVERLAY / "etc/nftables.conf").read_text()
    (opened,) = re.findall(r"chain owner_in \{\s+tcp dport \{([^}]*)\} accept", firewall)
    assert port in opened.replace(",", " ").split()
    lowest = re.search(
        r"^net\.ipv4\.ip_unprivileged_port_start = (\d+)$",
        (OVERLAY / "usr/lib/sysctl.d/60-appliance-image.conf").read_text(),
        re.MULTILINE,
    )
    assert lowest
    assert int(lowest[1]) <= int(port)
    unit = OVERLAY / "usr/lib/systemd/system/appliance.service.d/image.conf"
    key = config_item.PAGE_KEY
    assert f"\nLoadCredential={key}:/etc/appliance/{key}\n" in unit.read_text()


@pytest.mark.parametrize(
    ("owners", "expected"),
    [
        ("[page]\nlisten = ''\n", {"listen": "", "certificate_file": "", "key_file": ""}),
        (
            "[page]\nlisten = '127.0.0.1:10480'\n",
            {"listen": "127.0.0.1:10480", "certificate_file": "", "allow": []},
        ),
        (
            "[page]\nlisten = '0.0.0.0:10480'\nallow = ['192.168.1.0/24']\n",
            {"key_file": "page.key", "allow": ["192.168.1.0/24"]},
        ),
        (
            "[page]\nallow = ['192.168.1.0/24']\n",
            {"listen": "0.0.0.0:443", "allow": ["192.168.1.0/24"]},
        ),
        (
            "[page]\ncertificate_file = '/persistent/a.pem'\nkey_file = '/persistent/a.key'\n",
            {"listen": "0.0.0.0:443", "certificate_file": "/persistent/a.pem"},
        ),
    ],
)
def test_the_owner_may_switch_it_off_or_have_it_elsewhere_but_plain_only_on_this_machine(
    system: System, owners: str, expected: dict[str, object]
) -> None:
    found = page(system, owners)
    assert {key: found[key] for key in expected} == expected


def test_without_a_certificate_it_stays_off(system: System) -> None:
    settings.apply_all(system, image="one")
    config_item.put_in_force(system)
    assert toml_text.read(system.config)["page"]["listen"] == ""


def test_browsers_can_check_the_certificate_with_the_brokers_authority(system: System) -> None:
    page(system)
    checked = subprocess.run(
        [
            *("openssl", "verify", "-x509_strict", "-purpose", "sslserver"),
            *("-verify_hostname", "kitchen.local", "-CAfile", system.persistent / "broker/ca.pem"),
            system.etc / "page.pem",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def later(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    now = time.time() + days * DAY_S
    monkeypatch.setattr(device_certificates.time, "time", lambda: now)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("days", "synchronised", "renewed"),
    [
        (0, True, False),
        (device_certificates.PAGE_DAYS - 61, True, False),
        (device_certificates.PAGE_DAYS - 59, True, True),
        # Made while the clock was in 1970, before a time server had set it.
        (56 * 365, True, True),
        # Made while the clock was ahead.
        (-400, True, True),
        # The clock is in 1970 now: the certificate is good for every browser.
        (-56 * 365, False, False),
    ],
)
def test_it_is_made_again_before_its_end_and_after_a_wrong_clock(
    system: System,
    monkeypatch: pytest.MonkeyPatch,
    days: float,
    synchronised: bool,  # noqa: FBT001
    renewed: bool,  # noqa: FBT001
) -> None:
    assert device_certificates.make_page_certificate(system, "kitchen")
    before = certificate(system)
    if synchronised:
        system.keep(system.root / device_certificates.SYNCHRONISED, "")
    later(monkeypatch, days)
    assert device_certificates.make_page_certificate(system, "kitchen") is renewed
    assert (certificate(system) != before) is renewed


def test_a_renewal_changes_neither_the_authority_nor_what_the_broker_shows(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    device_certificates.make_broker_certificate(system, "kitchen")
    kept = system.persistent / "broker"
    before = [(kept / name).read_bytes() for name in ("ca.pem", "server.pem")]
    device_certificates.make_page_certificate(system, "kitchen")
    later(monkeypatch, device_certificates.PAGE_DAYS)
    assert device_certificates.make_page_certificate(system, "kitchen")
    device_certificates.make_broker_certificate(system, "kitchen")
    assert [(kept / name).read_bytes() for name in ("ca.pem", "server.pem")] == before


def test_a_renewal_that_the_power_cut_off_is_done_again(system: System) -> None:
    device_certificates.make_page_certificate(system, "kitchen")
    kept = system.persistent / "broker"
    (kept / "page.pem").unlink()  # the key is there already, its certificate not yet
    assert device_certificates.make_page_certificate(system, "kitchen")
    assert certificate(system) == (kept / "page.pem").read_bytes()


def test_the_owner_reads_address_password_and_fingerprint_on_the_card(system: System) -> None:
    page(system)
    text = page_login.text(system, "kitchen")
    assert "https://kitchen.local\n" in text
    assert "look again later" in text
    state = system.root / page_login.STATE
    state.mkdir(parents=True)
    (state / "page-password.txt").write_text("abcdefgh23456789\n")
    assert "  password     abcdefgh23456789\n" in page_login.text(system, "kitchen")
    (state / "page-password.txt").unlink()
    (state / "page-access.json").write_text("{}")
    assert "the one that was set since" in page_login.text(system, "kitchen")
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", system.etc / "page.pem"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    expected = shown.strip().partition("=")[2]
    assert "".join(re.findall(r"(?:[0-9A-F]{2}:)+(?:[0-9A-F]{2})?", text)) == expected


def test_the_owners_own_certificate_or_no_page_is_not_described(system: System) -> None:
    page(system, "[page]\nlisten = ''\n")
    assert page_login.text(system, "kitchen") == ""
    own = "[page]\ncertificate_file = '/persistent/a.pem'\nkey_file = '/persistent/a.key'\n"
    page(system, own)
    assert page_login.text(system, "kitchen") == ""
