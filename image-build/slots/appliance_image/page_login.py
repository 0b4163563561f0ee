"""What the owner needs to open the appliance's page in a browser; it goes into ACCESS.txt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance_image import config_item, device_certificates, toml_text

if TYPE_CHECKING:
    from appliance_image.system import System

STATE = "var/lib/private/appliance"
FIRST_PASSWORD, PASSWORDS = "page-password.txt", "page-access.json"
"""In the appliance's state: the password that it has made, and the hashes of all."""


def text(system: System, host: str) -> str:
    """Address, password and fingerprint; empty where the page is off or has no certificate of ours.

    Raises:
        OSError: a file cannot be read.

    """
    page = toml_text.read(system.config).get("page", {})
    if page.get("key_file") != config_item.PAGE_KEY or not page.get("listen"):
        return ""
    port = f"{page['listen']}".rpartition(":")[2]
    address = f"https://{host}.local" + ("" if port == "443" else f":{port}")
    digits = device_certificates.fingerprint(system.etc / config_item.PAGE_CERTIFICATE)
    half = len(digits) // 2 + 1
    lines = [
        "How a browser reaches this appliance's page",
        "",
        f"  address      {address}",
        f"  password     {_password(system)}",
        f"  certificate  SHA-256 {digits[:half]}",
        f"                       {digits[half:]}",
        "",
        "The browser warns of a certificate that it does not know. Compare the SHA-256 that it",
        "shows with this one before you go on; or give it broker-ca.pem as an authority for web",
        "sites, and it warns no more.",
        "",
    ]
    return "\n".join(lines)


def _password(system: System) -> str:
    state = system.root / STATE
    if (state / FIRST_PASSWORD).exists():
        return (state / FIRST_PASSWORD).read_text().strip()
    if (state / PASSWORDS).exists():
        return "the one that was set since (appliance page password)"
    return "is made when the appliance starts: look again later"
