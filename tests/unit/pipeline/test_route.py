"""The table of the stages, and what it promises its reader."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from appliance.pipeline import route
from appliance.pipeline.route import Stage
from appliance.values import ACTING_OPERATIONS


def test_each_stage_names_a_class_that_exists() -> None:
    members = Path(route.__file__).read_text("utf-8").split("class Stage")[1].split("\nclass ")[0]
    stages = re.findall(r"\b((?:[a-z_]+\.)+)([A-Z][a-z]\w+)", members)
    stages = [(module, name) for module, name in stages if module != "enum."]
    assert len(stages) >= len(Stage)
    for module, name in stages:
        holder = importlib.import_module(f"appliance.{module.rstrip('.')}")
        assert hasattr(holder, name), f"{module}{name}"


def test_the_routes_with_the_stage_act_are_those_of_the_operations_that_act() -> None:
    acting = {operation for operation, stages in route.ROUTES.items() if Stage.ACT in stages}
    assert acting == ACTING_OPERATIONS
