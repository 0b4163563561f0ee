"""The shipped alert rules and dashboard: real programs load them, and each metric is served."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

from support.promtool import promtool

from appliance.system.metrics_server import Figures, MetricsServer
from appliance.values import BoardReading, Pace

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
RULES = EXAMPLES / "prometheus" / "appliance.rules.yml"
DASHBOARD = EXAMPLES / "grafana" / "appliances.json"

ENDINGS = re.compile(r"_(total|bucket|count|sum|created)$")


def accepted(rules: Path) -> str:
    """What Prometheus says of a file of rules, which it has to accept."""
    command = [str(promtool()), "check", "rules", str(rules)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "SUCCESS" in checked.stdout
    return checked.stdout


def test_prometheus_accepts_the_alert_rules() -> None:
    accepted(RULES)


def test_prometheus_understands_every_query_of_the_dashboard(tmp_path: Path) -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    # Grafana puts a number of seconds and the chosen boards where its variables are.
    texts = [re.sub(r"\$__\w+", "300s", query).replace("$board", "kitchen") for query in queries]
    assert not [text for text in texts if "$" in text]
    rules = [{"record": f"query:{number}", "expr": text} for number, text in enumerate(texts)]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(queries)} rules found" in accepted(file)


def served(free_port: int) -> set[str]:
    everything = dict.fromkeys((field.name for field in dataclasses.fields(BoardReading)), 1)
    figures = Figures(
        reading=BoardReading(**everything),  # type: ignore[arg-type]
        pace=Pace.FULL,
        speech_waiting=0,
        requests_waiting=0,
        outbox_rows=0,
        outbox_bytes=0,
        inbox_rows=0,
        dropped={"outbox_full": 0},
        connected=True,
        uptime_s=1.0,
        outbox_oldest_s=1.0,
    )
    with MetricsServer(lambda: figures).served(f"127.0.0.1:{free_port}"):
        address = f"http://127.0.0.1:{free_port}/metrics"
        with urllib.request.urlopen(address) as page:
            text = page.read().decode()
    names = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    return {ENDINGS.sub("", name) for name in names}


def test_rules_and_dashboard_name_only_metrics_that_are_served(free_port: int) -> None:
    texts = RULES.read_text() + DASHBOARD.read_text()
    named = {ENDINGS.sub("", name) for name in re.findall(r"\bappliance_[a-z_]+", texts)}
    assert len(named) > 15
    assert named - served(free_port) == set()


def test_each_panel_of_the_dashboard_has_its_place_and_asks_the_chosen_source() -> None:
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)
    assert {panel["datasource"]["uid"] for panel in panels} == {"${source}"}
    assert {one["name"] for one in dashboard["templating"]["list"]} == {"source", "board"}
