"""The device's own certificate authority, and its certificates: of the broker, of the page."""

from __future__ import annotations

import hashlib
import ssl
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from appliance_image import autoboot, config_item
from appliance_image.errors import Failed
from appliance_image.system import said_by

if TYPE_CHECKING:
    from appliance_image.system import System

DAY_S = 24 * 3600
BROKER_DAYS = 36500
"""A board without a clock must not outlive what its MQTT clients trust."""

PAGE_DAYS = 820
"""Safari refuses certificates that are valid for more than 825 days."""

RENEWED_DAYS = 60
"""As long before its end the page's certificate is made again."""

SYNCHRONISED = "run/systemd/timesync/synchronized"
"""Is there once a time server has set the clock since the start."""


def make_broker_certificate(system: System, name: str) -> None:
    """The authority, and the broker's certificate for the names of the device.

    Raises:
        Failed: one could not be made.

    """
    _make_certificate(system, "server", name, BROKER_DAYS, renew=False)


def make_page_certificate(system: System, name: str) -> bool:
    """The same for the page; put both files where the service has them. True if it is new.

    It is made again before its end, and if the clock was wrong when it was made.

    Raises:
        Failed: it could not be made.

    """
    made = _make_certificate(system, "page", name, PAGE_DAYS, renew=True)
    kept = system.persistent / "broker"
    system.keep(system.etc / config_item.PAGE_CERTIFICATE, (kept / "page.pem").read_bytes())
    system.keep(system.etc / config_item.PAGE_KEY, (kept / "page.key").read_bytes(), 0o600)
    return made


def fingerprint(certificate: Path) -> str:
    """SHA-256 as browsers show it: AB:CD:..."""
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text())).hexdigest().upper()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def _make_certificate(system: System, kind: str, name: str, days: int, *, renew: bool) -> bool:
    """True if it was made now, by an authority of the device's own."""
    place = system.persistent / "broker"
    host = config_item.host_name(name)
    names = f"DNS:{host}.local,DNS:{host},DNS:localhost,IP:127.0.0.1"
    if not (place / "ca.pem").exists():
        _make(
            place,
            "ca",
            ("-days", f"{BROKER_DAYS}", "-subj", f"/CN={host} broker authority"),
            "basicConstraints=critical,CA:TRUE,pathlen:0\n"
            "keyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash",
        )
    made_for, certificate = place / f"{kind}.names", place / f"{kind}.pem"
    fits = certificate.exists() and made_for.exists() and made_for.read_text() == names
    if fits and not (renew and _must_be_renewed(system, certificate)):
        return False
    signed = ("-CA", place / "ca.pem", "-CAkey", place / "ca.key")
    _make(
        place,
        kind,
        ("-days", f"{days}", "-subj", f"/CN={host}", *signed),
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        f"extendedKeyUsage=serverAuth\nsubjectAltName={names}\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid",
    )
    system.keep(made_for, names)
    return True


def _must_be_renewed(system: System, certificate: Path) -> bool:
    """Whether it ends soon, or the clock was ahead when it was made.

    A clock that nobody has set yet, and is behind, makes no worse certificate of a good one.
    """
    fine, said = said_by("openssl", "x509", "-noout", "-dates", "-in", certificate)
    dates = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    if not fine or not {"notBefore", "notAfter"} <= dates.keys():
        return True
    begin, end = (ssl.cert_time_to_seconds(dates[name]) for name in ("notBefore", "notAfter"))
    now = time.time()
    ahead = begin > now and (system.root / SYNCHRONISED).exists()
    return ahead or now > end - RENEWED_DAYS * DAY_S


def _make(place: Path, name: str, arguments: tuple[str | Path, ...], extensions: str) -> None:
    """NAME.key and NAME.pem; the latter last, so that its being there means that both are whole."""
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o700)
    with tempfile.TemporaryDirectory(dir=place) as folder:
        new = Path(folder)
        settings = new / "settings"
        settings.write_text(
            "[req]\nprompt=no\ndistinguished_name=dn\nx509_extensions=ext\n"
            f"[dn]\n[ext]\n{extensions}\n"
        )
        fine, said = said_by(
            *("openssl", "req", "-x509", "-config", settings),
            *("-newkey", "ec", "-nodes", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-keyout", new / "key", "-out", new / "pem", *arguments),
        )
        if not fine:
            raise Failed(f"the certificate {name}: {said}")
        (place / f"{name}.pem").unlink(missing_ok=True)  # a power cut leaves no pair that differs
        for kind in ("key", "pem"):
            autoboot.replace(place / f"{name}.{kind}", (new / kind).read_bytes())
            (place / f"{name}.{kind}").chmod(0o600)
