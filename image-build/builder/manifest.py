"""Stage 70: what is in the image and whose it is, checksums, the block map, the packed card."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
import uuid
from typing import TYPE_CHECKING, Any

from builder import blockmap, image, kernel, licences, system

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from builder.stages import Build

NAME = "70-manifest"
Component = dict[str, Any]

NOT_SAID = "NOASSERTION"
"""Nobody says a licence: the appliance's own repository names none."""

NO_LICENCE = [{"license": {"name": NOT_SAID}}]

IMAGES = ("appliance.img", "boot.img", "system.img", "appliance.update")


def make(build: Build) -> None:
    """`sbom.cdx.json`, `manifest.json`, `appliance.bmap`, `appliance.img.gz`."""
    root = build.folders[system.NAME] / "root"
    images = build.folders[image.NAME]
    facts = json.loads((root / system.SHARE / "image.json").read_text())
    components = [
        *_packages(root),
        *_unpacked(build, root),
        *_wheels(root),
        *_models(facts["models"]),
    ]
    here = build.here
    _write(here / "sbom.cdx.json", _bill(facts, components))
    facts["packages"] = {kind: _versions(components, kind) for kind in ("deb", "pypi", "model")}
    unknown = [part["name"] for part in components if part["licenses"] == NO_LICENCE]
    facts["licences"] = {
        "components": len(components),
        "known": len(components) - len(unknown),
        "unknown": unknown,
    }
    facts["bytes"] = _sizes(root, images)
    _write(here / "manifest.json", facts)
    (here / "appliance.bmap").write_text(blockmap.of(images / "appliance.img"))
    if build.options.compress:
        _pack(images / "appliance.img", here / "appliance.img.gz")


def publish(build: Build) -> None:
    """Everything into the owner's folder, with checksums; holes stay holes."""
    output = build.options.output
    output.mkdir(parents=True, exist_ok=True)
    sums = []
    for folder in (build.folders[image.NAME], build.folders[NAME]):
        for path in sorted(folder.iterdir()):
            if path.name == "done.json" or path.is_dir():
                continue
            build.run(
                "cp",
                "--sparse=always",
                "--reflink=auto",
                "--remove-destination",
                path,
                output / path.name,
            )
            with path.open("rb") as file:
                sums.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    (output / "SHA256SUMS").write_text("".join(sorted(sums, key=lambda line: line.split()[1])))


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def _pack(source: Path, target: Path) -> None:
    with (
        source.open("rb") as raw,
        target.open("wb") as file,
        gzip.GzipFile("", "wb", 6, file, mtime=0) as packed,
    ):
        shutil.copyfileobj(raw, packed, 1 << 20)


def _packages(root: Path) -> Iterator[Component]:
    for paragraph in (root / "var/lib/dpkg/status").read_text().split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", paragraph, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            yield _deb(root, fields["Package"], fields["Version"], fields["Architecture"])


def _unpacked(build: Build, root: Path) -> Iterator[Component]:
    """Packages of which only files were taken: the kernel, busybox, the boards' firmware."""
    for path in sorted((build.folders[kernel.NAME] / "debs").glob("*.deb")):
        name, version, architecture = path.name.removesuffix(".deb").split("_")
        yield _deb(root, name, version.replace("%3a", ":"), architecture)


def _deb(root: Path, name: str, version: str, architecture: str) -> Component:
    found = licences.of_package(root / "usr/share/doc" / name / "copyright")
    purl = f"pkg:deb/debian/{name}@{version}?arch={architecture}&distro=trixie"
    return _component("library", name, version, found, purl)


def _wheels(root: Path) -> Iterator[Component]:
    for folder in sorted((root / system.SITE).glob("*.dist-info")):
        name, version = folder.name.removesuffix(".dist-info").rsplit("-", 1)
        found = licences.of_wheel(folder / "METADATA")
        name = name.replace("_", "-").lower()
        yield _component("library", name, version, found, f"pkg:pypi/{name}@{version}")


def _models(names: list[str]) -> Iterator[Component]:
    for model in system.catalogue(names):
        found = [licences.spdx(model["licence"])]
        part = _component("machine-learning-model", model["name"], "", found, "")
        part["hashes"] = [
            {"alg": "SHA-256", "content": file["sha256"]} for file in model["files"].values()
        ]
        yield part


def _component(kind: str, name: str, version: str, found: list[str], purl: str) -> Component:
    part: Component = {"type": kind, "name": name, "bom-ref": purl or f"model:{name}"}
    if version:
        part["version"] = version
    if purl:
        part["purl"] = purl
    part["licenses"] = [{"license": _licence(name)} for name in found or [NOT_SAID]]
    return part


def _licence(name: str) -> dict[str, str]:
    known = set(licences.SPDX.values())
    is_id = name in known or re.fullmatch(r"A?L?GPL-\d\.\d-(only|or-later)", name)
    return {"id": name} if is_id else {"name": name}


def _versions(components: list[Component], kind: str) -> dict[str, str]:
    return {
        part["name"]: part.get("version", "")
        for part in components
        if part["bom-ref"].startswith((f"pkg:{kind}/", f"{kind}:"))
    }


def _bill(facts: dict[str, Any], components: list[Component]) -> dict[str, Any]:
    """CycloneDX 1.6."""
    seed = json.dumps([facts["built"], *sorted(part["bom-ref"] for part in components)])
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, seed)}",
        "version": 1,
        "metadata": {
            "timestamp": facts["built"],
            "component": {"type": "firmware", "name": "appliance", "version": facts["version"]},
        },
        "components": components,
    }


def _sizes(root: Path, images: Path) -> dict[str, Any]:
    """What takes the room: of the files of the system before they are packed, and of the images."""
    parts = {
        "python packages": system.SITE,
        "models": "opt/appliance/models",
        "kernel modules": "usr/lib/modules",
        "firmware": "usr/lib/firmware",
        "programs and libraries": "usr",
    }
    taken = {name: _bytes(root / path) for name, path in parts.items()}
    taken["programs and libraries"] -= taken["kernel modules"] + taken["firmware"]
    taken["all"] = _bytes(root)
    return {
        "unpacked": taken,
        "images": {name: (images / name).stat().st_size for name in IMAGES},
        "on disk": (images / "appliance.img").stat().st_blocks * 512,
    }


def _bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
