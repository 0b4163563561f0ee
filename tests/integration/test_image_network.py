"""Wi-Fi, keys and time server from the owner's folder."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from appliance_image import network_items
from appliance_image.appliance_calls import Appliance
from appliance_image.errors import Refused
from appliance_image.system import System


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(Appliance(), tmp_path)


def wifi(system: System, content: str | bytes) -> str:
    path = system.root / "wifi.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    network_items.wifi(system, path)
    return (system.persistent / "network/wifi.conf").read_text()


@pytest.mark.parametrize(
    "content",
    [
        "name: My network\npassword: secret-secret\ncountry: de\n",
        "\ufeffName: My network\r\nPassword: secret-secret\r\nCountry: DE\r\n",
        "# mine\n\npassword:secret-secret\nname:My network\ncountry: De",
    ],
)
def test_a_network_is_read_from_lines(system: System, content: str) -> None:
    text = wifi(system, content)
    assert f"ssid={b'My network'.hex()}\n" in text
    assert "country=DE\n" in text
    assert "secret-secret" not in text
    assert (system.persistent / "network/wifi.conf").stat().st_mode & 0o777 == 0o600


def test_a_colon_or_a_quote_is_part_of_what_it_stands_in(system: System) -> None:
    text = wifi(system, 'name: a: "b" = c#\npassword: p:"w"\\#=1234\n')
    name = b'a: "b" = c#'.hex()
    assert f"ssid={name}\n" in text
    assert "\\x70\\x3a\\x22\\x77\\x22\\x5c\\x23\\x3d" in text


def test_an_open_network_and_a_hidden_one(system: System) -> None:
    assert "key_mgmt=NONE" in wifi(system, "name: guests\n")
    assert "scan_ssid=1" in wifi(system, "name: mine\npassword: 12345678\nhidden: yes\n")


def test_an_empty_file_takes_the_network_away(system: System) -> None:
    wifi(system, "name: guests\n")
    (system.root / "wifi.txt").write_text("\r\n")
    network_items.wifi(system, system.root / "wifi.txt")
    assert not (system.persistent / "network/wifi.conf").exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("password: 12345678\n", "wants a line `name: `"),
        ("name: x\npassword: 1234567\n", "8 to 63"),
        ("name: " + "ü" * 17 + "\n", "at most 32 bytes"),
        ("name: x\ncountry: Germany\n", "two letters"),
        ("ssid=x\npsk=y\n", "line 1: a line begins with `name:`"),
        ("name: x\nname: y\n", "is there twice"),
        ('network={\n ssid="x"\n}\n', "line 1"),
    ],
)
def test_a_mistake_is_named_and_the_old_network_stays(
    system: System, content: str, told: str
) -> None:
    before = wifi(system, "name: guests\n")
    with pytest.raises(Refused, match=told):
        wifi(system, content)
    assert (system.persistent / "network/wifi.conf").read_text() == before


@pytest.fixture(scope="module")
def public_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ssh") / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "me", "-f", f"{path}"]
    subprocess.run(command, check=True)
    return path.with_suffix(".pub")


def keys(system: System, content: str) -> str:
    path = system.root / "ssh_keys.txt"
    path.write_text(content)
    return network_items.ssh_keys(system, path)


def allowed(system: System) -> Path:
    return system.persistent / "ssh/authorized_keys"


def test_a_public_key_opens_the_door_and_the_firewall(system: System, public_key: Path) -> None:
    said = keys(system, f"# mine\r\n{public_key.read_text().strip()}\r\n\r\n")
    assert said == "1 key may come in by SSH"
    assert allowed(system).read_text() == public_key.read_text()
    assert (system.persistent / "network/ssh.nft").read_text() == "tcp dport 22 accept\n"


def test_an_empty_file_closes_both(system: System, public_key: Path) -> None:
    keys(system, public_key.read_text())
    assert "no SSH" in keys(system, "\n")
    assert not allowed(system).exists()
    assert not (system.persistent / "network/ssh.nft").exists()


def test_a_private_key_is_refused_and_not_kept(system: System, public_key: Path) -> None:
    with pytest.raises(Refused, match=r"keep that, and put the \.pub file"):
        keys(system, public_key.with_suffix("").read_text())
    assert not allowed(system).exists()


@pytest.mark.parametrize("change", [lambda key: key[:40], lambda key: key.replace(" ", "\n", 1)])
def test_a_broken_key_is_named_by_its_line(
    system: System, public_key: Path, change: Callable[[str], str]
) -> None:
    with pytest.raises(Refused, match="line 2"):
        keys(system, f"{public_key.read_text()}{change(public_key.read_text())}")
    assert not allowed(system).exists()


def test_a_time_server_is_a_name_or_an_address(system: System) -> None:
    path = system.root / "time_server.txt"
    path.write_text("192.168.1.1 router.lan\n")
    network_items.time_server(system, path)
    text = (system.persistent / "network/time.conf").read_text()
    assert text == "[Time]\nNTP=192.168.1.1 router.lan\n"
    path.write_text("http://router.lan/\n")
    with pytest.raises(Refused, match="neither a name nor an address"):
        network_items.time_server(system, path)
