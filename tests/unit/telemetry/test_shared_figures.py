"""Figures that a process leaves for its siblings."""

from pathlib import Path

from prometheus_client import CollectorRegistry, Counter

from store_api.telemetry.shared_figures import SharedFigures


def test_older_figures_that_are_left_late_take_no_newer_ones_away(tmp_path: Path) -> None:
    own, sibling = SharedFigures(tmp_path), SharedFigures(tmp_path)
    registry = CollectorRegistry()
    counter = Counter("done", "what was done", registry=registry)

    def seen() -> float:
        (figures,) = sibling.others()
        return next(figure.value for figure in figures["done"] if figure.name == "done_total")

    counter.inc()
    late = own.leaving(registry.collect())
    counter.inc()
    own.leaving(registry.collect())()
    assert seen() == 2
    # As a thread does that had to wait.
    late()
    assert seen() == 2
    own.leaving(registry.collect())()
    assert seen() == 2
