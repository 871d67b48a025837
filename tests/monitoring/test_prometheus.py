"""What a real Prometheus knows of a service of two workers: each figure once, whichever worker it asks."""

import re
from functools import partial

from tests.monitoring.conftest import AGAIN, CLEANS, REFUSED, SHORT, SUPPLIES, Watched
from tests.support.mongod import wait_until
from tests.support.prometheus import RULES, Prometheus, promtool

OPERATIONS = 'store_api_operations_total{job="store_api",kind="%s",outcome="%s"}'
EXPECTED = {
    OPERATIONS % ("supply", "applied"): SUPPLIES,
    OPERATIONS % ("supply", "replayed"): AGAIN,
    OPERATIONS % ("demand", "out-of-stock"): SHORT,
    OPERATIONS % ("clean", "applied"): CLEANS,
    OPERATIONS % ("supply", "outcome-unknown"): 0,
    "store_api_commit_to_frame_seconds_count": 2 * SUPPLIES,
    "store_api_claims_made_total": SUPPLIES,
    'store_api_keys_asked_again_total{found="replayed"}': AGAIN,
    'store_api_refusals_total{reason="credential-invalid"}': REFUSED,
    "store_api_sockets": 0,
    "store_api_known_tokens": 2,
}


def tells(eye: Prometheus, expression: str, wanted: float) -> bool:
    return eye.number(expression) == wanted


def test_both_workers_figures_arrive_added_up_whichever_is_asked(watched: Watched) -> None:
    for eye in watched.eyes:
        for expression, wanted in EXPECTED.items():
            wait_until(partial(tells, eye, expression, wanted), f"{expression} is {wanted}")


def test_a_counter_never_falls_and_a_figure_is_one_series(watched: Watched) -> None:
    counters = set(re.findall(r"^(store_api_\w+_(?:total|sum|count|bucket))\b", watched.text, re.MULTILINE))
    assert len(counters) > 15
    for eye in watched.eyes:
        for counter in counters:
            assert eye.number(f"sum(resets({counter}[5m]))") == 0, counter
        assert eye.number("count(store_api_sockets)") == eye.number("count(up)") == 1


def test_no_scrape_fails(watched: Watched) -> None:
    for eye in watched.eyes:
        (target,) = eye.get("targets")["activeTargets"]
        assert (target["health"], target["lastError"]) == ("up", "")
        assert target["labels"]["job"] == "store_api"
        assert eye.number("count_over_time(up[5m])") == eye.number("sum_over_time(up[5m])")


def test_the_rules_are_loaded_and_nothing_is_wrong(watched: Watched) -> None:
    for eye in watched.eyes:
        rules = [rule for group in eye.get("rules")["groups"] for rule in group["rules"]]
        assert len(rules) == RULES.read_text().count("- alert: ")
        assert {rule["lastError"] for rule in rules if "lastError" in rule} <= {""}
        firing = {rule["name"] for rule in rules if rule["alerts"] and rule["state"] == "firing"}
        assert firing == set()


def test_promtool_finds_nothing_wrong_in_what_is_told(watched: Watched) -> None:
    assert promtool("check", "metrics", text=watched.text) == ""


def test_the_rules_are_right_and_each_is_tried_as_it_fires_and_as_it_does_not() -> None:
    promtool("check", "rules", RULES)
    said = promtool("test", "rules", RULES.with_name("rules.test.yaml"))
    assert "SUCCESS" in said
