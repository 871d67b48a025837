"""The alert rules: of the form that Prometheus reads, and over metrics that there are."""

import re
from collections import Counter
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from store_api.gate.refusals import Refusals
from store_api.keeping.attending import BEHIND_SECONDS
from store_api.telemetry.metrics import Metrics, Sources
from store_api.telemetry.readiness import LONGEST_SILENCE_SECONDS
from tests.support.service import ROOT

RULES = ROOT / "k8s/prometheus/rules.yaml"


@pytest.fixture(scope="module")
def rules() -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def text_of_nothing() -> str:
    """What a service tells to which nothing has happened yet."""
    nothing: Any = dict.fromkeys(Sources.__dataclass_fields__, lambda: 0)
    nothing |= {name: Counter() for name in ("outcomes", "openings", "settled", "keys", "ledger")}
    return Metrics(Sources(**(nothing | {"refusals": Refusals().counts}))).text().decode()


@pytest.fixture(scope="module")
def names() -> set[str]:
    """The names of all samples that a service has."""
    text = text_of_nothing()
    return {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}


def unknown_metrics(expression: str, names: set[str]) -> set[str]:
    return set(re.findall(r"store_api_\w+", expression)) - names


def test_every_rule_is_whole_and_of_metrics_that_there_are(
    rules: dict[str, dict[str, Any]], names: set[str]
) -> None:
    for rule in rules.values():
        assert rule.keys() - {"for"} == {"alert", "expr", "labels", "annotations"}
        assert "store_api" in rule["expr"]
        assert unknown_metrics(rule["expr"], names) == set()
        assert set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= {"job"}
        assert re.search(r" by \(job(, le)?\) \(", rule["expr"])
    assert unknown_metrics("rate(store_api_ledger_gap_total[1h])", names) == {"store_api_ledger_gap_total"}


def test_the_alert_and_the_log_line_are_of_the_same_lag(rules: dict[str, dict[str, Any]]) -> None:
    expression = rules["ledger_behind"]["expr"]
    assert expression == f"max by (job) (store_api_ledger_lag_seconds) > {BEHIND_SECONDS:.0f}"


def test_the_alerts_and_readiness_are_of_the_same_silence(rules: dict[str, dict[str, Any]]) -> None:
    for name in ("not_ready", "stream_stuck"):
        assert rules[name]["expr"].endswith(
            f" by (job) (store_api_newest_event_age_seconds) > {LONGEST_SILENCE_SECONDS:.0f}"
        )


def test_an_alert_that_waits_for_a_first_time_looks_at_what_is_told_from_the_start(
    rules: dict[str, dict[str, Any]],
) -> None:
    """A series that begins at 1 has no increase: the first unknown outcome would alert nobody."""
    wanted = {
        found
        for rule in rules.values()
        for found in re.findall(r'outcome=~?"([^"]*)"', rule["expr"])
        for found in found.split("|")
    }
    assert "outcome-unknown" in wanted
    told = set(
        re.findall(r'store_api_operations_total\{kind="demand",outcome="(\S+)"\} 0', text_of_nothing())
    )
    assert wanted <= told
