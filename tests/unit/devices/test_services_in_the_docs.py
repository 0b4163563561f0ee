"""docs/devices.md names every component and service, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from appliance.devices.entity_factory import CLASSES, LIGHT_SCHEMAS

PAGE = Path(__file__).parents[3] / "docs" / "devices.md"


def test_the_page_has_the_components_and_services_of_the_code() -> None:
    text = PAGE.read_text("utf-8")
    table = text.partition("<!-- services -->")[2].partition("<!-- end of services -->")[0]
    documented = {
        row.split("`")[1]: set(re.findall(r"`(\w+)`", row.split("|")[2]))
        for row in table.splitlines()
        if row.startswith("| `")
    }
    kinds = {"light": LIGHT_SCHEMAS["basic"], **CLASSES}
    real = {
        name: {service.partition(".")[2] for service in kind.SERVICES}
        for name, kind in kinds.items()
    }
    assert documented == real
