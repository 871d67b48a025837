"""The Grafana dashboard: a file that Grafana takes, each of whose queries a real Prometheus can answer."""

import json
import math
import re
from typing import Any

import pytest

from tests.monitoring.conftest import Watched
from tests.support.mongod import wait_until
from tests.support.service import ROOT

BOARD: dict[str, Any] = json.loads((ROOT / "k8s/grafana/dashboard.json").read_text())
QUERIES = [
    pytest.param(target["expr"], id=f"{panel['title']}: {target['legendFormat']}")
    for panel in BOARD["panels"]
    for target in panel["targets"]
]
VARIABLES = {"job": "store_api", "__rate_interval": "1m"}
GONE = re.compile(r"\$\{?(\w+)")


def test_the_file_is_whole() -> None:
    panels = BOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) == len({panel["title"] for panel in panels})
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)
    assert {variable["name"] for variable in BOARD["templating"]["list"]} == {"datasource", "job"}
    assert BOARD["schemaVersion"] >= 36
    assert BOARD["uid"] == "store-api"
    for panel in panels:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["fieldConfig"]["defaults"]["unit"]
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters) > 0


def test_every_metric_of_the_service_is_on_it(watched: Watched) -> None:
    told = set(re.findall(r"^# TYPE (store_api_\w+) ", watched.text, re.MULTILINE))
    asked = " ".join(target["expr"] for panel in BOARD["panels"] for target in panel["targets"])
    assert len(told) > 15
    assert {name for name in told if name not in asked} == set()


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_answered_with_figures(watched: Watched, query: str) -> None:
    expression = GONE.sub(lambda found: VARIABLES[found[1]], query)

    def is_told() -> bool:
        found = watched.eyes[0].ask(expression)
        return any(not math.isnan(value) for _, value in found)

    wait_until(is_told, expression, 5.0)
    assert all(value >= 0 for _, value in watched.eyes[0].ask(expression) if not math.isnan(value))
