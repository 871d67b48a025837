"""The alert rules: of the form that Prometheus reads, and over metrics that there are."""

import re
from collections import Counter
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from store_api.keeping.attending import BEHIND_SECONDS
from store_api.telemetry.metrics import Metrics, Sources
from tests.support.service import ROOT

RULES = ROOT / "k8s/prometheus/rules.yaml"


@pytest.fixture(scope="module")
def rules() -> dict[str, dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


@pytest.fixture(scope="module")
def names() -> set[str]:
    """The names of all samples that a service has."""
    nothing: Any = dict.fromkeys(Sources.__dataclass_fields__, lambda: 0)
    counts = ("outcomes", "openings", "settled", "keys", "refusals", "ledger")
    text = Metrics(Sources(**(nothing | {name: Counter() for name in counts}))).text().decode()
    return {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}


def unknown_metrics(expression: str, names: set[str]) -> set[str]:
    return set(re.findall(r"store_api_\w+", expression)) - names


def test_every_rule_is_whole_and_of_metrics_that_there_are(
    rules: dict[str, dict[str, Any]], names: set[str]
) -> None:
    for rule in rules.values():
        assert rule.keys() - {"for"} == {"alert", "expr", "labels", "annotations"}
        assert "store_api_" in rule["expr"]
        assert unknown_metrics(rule["expr"], names) == set()
        assert set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= {"job"}
        assert " by (job) (" in rule["expr"]
    assert unknown_metrics("rate(store_api_ledger_gap_total[1h])", names) == {"store_api_ledger_gap_total"}


def test_the_alert_and_the_log_line_are_of_the_same_lag(rules: dict[str, dict[str, Any]]) -> None:
    expression = rules["ledger_behind"]["expr"]
    assert expression == f"max by (job) (store_api_ledger_lag_seconds) > {BEHIND_SECONDS:.0f}"
