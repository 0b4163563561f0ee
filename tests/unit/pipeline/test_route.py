"""The table of the stages, and what it promises its reader."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from appliance.pipeline import route
from appliance.pipeline.route import Stage
from appliance.values import ACTING_OPERATIONS, Operation


def test_each_stage_names_a_class_that_exists() -> None:
    members = Path(route.__file__).read_text("utf-8").split("class Stage")[1].split("\nclass ")[0]
    stages = re.findall(r"\b((?:[a-z_]+\.)+)([A-Z][a-z]\w+)", members)
    stages = [(module, name) for module, name in stages if module != "enum."]
    assert len(stages) >= len(Stage)
    for module, name in stages:
        holder = importlib.import_module(f"appliance.{module.rstrip('.')}")
        assert hasattr(holder, name), f"{module}{name}"


def test_each_request_that_acts_is_confirmed_first_and_no_other_one() -> None:
    with_stage = {
        stage: {operation for operation, stages in route.ROUTES.items() if stage in stages}
        for stage in (Stage.CONFIRM, Stage.ACT)
    }
    assert with_stage[Stage.CONFIRM] == with_stage[Stage.ACT] == ACTING_OPERATIONS
    assert {Operation.COMMAND, Operation.RECOGNIZE} == ACTING_OPERATIONS
