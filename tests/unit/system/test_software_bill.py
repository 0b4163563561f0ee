"""What is installed, and under which licence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from appliance.system import software_bill
from appliance.system.software_bill import NOT_SAID, Component

REPOSITORY = Path(__file__).parents[3]
INSTALLED = {one.name: one for one in software_bill.packages()}


def test_every_locked_package_that_is_installed_names_its_licence() -> None:
    lock = (REPOSITORY / "script" / "requirements.lock").read_text("utf-8")
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    found = locked & INSTALLED.keys()
    assert len(found) > 40
    assert [name for name in found if INSTALLED[name].licence == NOT_SAID] == []


def test_every_library_inside_a_package_is_known_with_its_licence() -> None:
    unknown = [
        f"{package.name}: {part.name}"
        for package in INSTALLED.values()
        for part in package.contains
        if part.licence == NOT_SAID
    ]
    assert unknown == [], "add them to appliance/system/bundled_libraries.toml"


@pytest.mark.parametrize("name", ["x264", "x265"])
def test_a_package_whose_own_licence_is_bsd_shows_the_gpl_code_inside(name: str) -> None:
    (inside,) = (part for part in INSTALLED["av"].contains if part.name == name)
    assert INSTALLED["av"].licence == "BSD-3-Clause"
    assert inside.licence == "GPL-2.0-or-later"
    assert name in (REPOSITORY / "THIRD-PARTY-NOTICES.md").read_text("utf-8")


def test_the_bill_has_every_component_once_with_a_reference_of_its_own() -> None:
    model = Component(kind="model", name="whisper", licence="MIT")
    bill = software_bill.cyclonedx([*INSTALLED.values(), model], "1.0")
    entries = [
        each for entry in bill["components"] for each in (entry, *entry.get("components", []))
    ]
    assert len({entry["bom-ref"] for entry in entries}) == len(entries)
    assert {entry["name"] for entry in bill["components"]} == {*INSTALLED, "whisper"} - {
        "appliance"
    }
    assert all(entry["licenses"] for entry in entries)
    (av,) = (entry for entry in entries if entry["name"] == "av")
    assert av["purl"].startswith("pkg:pypi/av@")
    assert {"expression": "GPL-2.0-or-later"} in [part["licenses"][0] for part in av["components"]]


def test_the_project_names_the_licence_whose_text_it_has() -> None:
    assert 'license = "Apache-2.0"' in (REPOSITORY / "pyproject.toml").read_text("utf-8")
    text = (REPOSITORY / "LICENSE").read_text("utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
