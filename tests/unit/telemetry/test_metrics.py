"""What is counted is told: once, under the right names, and again only as far as it has grown."""

from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

from store_api.errors import BrokenDocument, OutcomeUnknown, OutOfStock
from store_api.stock import OperationKind
from store_api.telemetry.metrics import Metrics, Sources

DEMAND, SUPPLY = OperationKind.DEMAND, OperationKind.SUPPLY


class Counts:
    """Figures that grow as a test says."""

    def __init__(self) -> None:
        self.outcomes: Counter[tuple[OperationKind, str]] = Counter()
        self.openings: Counter[tuple[str, str]] = Counter()
        self.frames = self.skipped = self.sockets = self.held = 0
        self.settled: Counter[str] = Counter()
        self.keys: Counter[str] = Counter()
        self.claims = self.in_doubt = 0
        self.refusals: Counter[str] = Counter()
        self.tokens = 0
        self.ledger: Counter[str] = Counter()
        self.ledger_lag = 0.0
        self.silence = 0.0
        self.metrics = Metrics(
            Sources(
                outcomes=self.outcomes,
                openings=self.openings,
                frames=lambda: self.frames,
                skipped=lambda: self.skipped,
                sockets=lambda: self.sockets,
                silent_seconds=lambda: self.silence,
                held=lambda: self.held,
                settled=self.settled,
                claims=lambda: self.claims,
                keys=self.keys,
                in_doubt=lambda: self.in_doubt,
                refusals=self.refusals,
                tokens=lambda: self.tokens,
                ledger=self.ledger,
                ledger_lag=lambda: self.ledger_lag,
            )
        )

    def told(self) -> dict[tuple[str, ...], float]:
        """All samples, by name and labels."""
        families = text_string_to_metric_families(self.metrics.text().decode())
        return {
            (sample.name.removeprefix("store_api_"), *sample.labels.values()): sample.value
            for family in families
            for sample in family.samples
        }


def test_operations_are_told_by_kind_and_outcome_however_often_somebody_asks() -> None:
    counts = Counts()
    counts.outcomes[DEMAND, "applied"] += 2
    counts.outcomes[DEMAND, OutOfStock.slug] += 3
    counts.outcomes[SUPPLY, OutcomeUnknown.slug] += 1
    for _ in range(2):
        told = counts.told()
        assert told["operations_total", "demand", "applied"] == 2
        assert told["operations_total", "demand", "out-of-stock"] == 3
        assert told["operations_total", "supply", "outcome-unknown"] == 1
    counts.outcomes[DEMAND, "applied"] += 5
    counts.outcomes[SUPPLY, BrokenDocument.slug] += 1
    told = counts.told()
    assert told["operations_total", "demand", "applied"] == 7
    assert told["operations_total", "supply", "broken-document"] == 1


def test_what_an_alert_looks_at_is_told_before_it_happens() -> None:
    """A series that begins at 1 has no increase that Prometheus sees."""
    counts = Counts()
    told = counts.told()
    for kind in OperationKind:
        assert told["operations_total", kind.value, "applied"] == 0
        assert told["operations_total", kind.value, OutcomeUnknown.slug] == 0
    for found in ("applied", "fenced", "lost", "unknown"):
        assert told["writes_settled_total", found] == 0
    for found in ("replayed", "fenced", "reused", "in_flight", "unknown"):
        assert told["keys_asked_again_total", found] == 0
    counts.outcomes[DEMAND, OutcomeUnknown.slug] += 1
    assert counts.told()["operations_total", "demand", OutcomeUnknown.slug] == 1


def test_who_is_not_let_in_is_counted_by_why() -> None:
    counts = Counts()
    counts.refusals["credential-invalid"] += 3
    counts.refusals["scope-missing"] += 1
    counts.tokens = 2
    for _ in range(2):
        told = counts.told()
        assert told["refusals_total", "credential-invalid"] == 3
        assert told["refusals_total", "scope-missing"] == 1
        assert told["known_tokens",] == 2
    counts.refusals["credential-invalid"] += 1
    assert counts.told()["refusals_total", "credential-invalid"] == 4


def test_the_push_path_is_told() -> None:
    counts = Counts()
    counts.openings["afresh", "start"] += 1
    counts.openings["resumed", "network"] += 2
    counts.frames, counts.skipped, counts.sockets, counts.silence = 1000, 7, 12, 1.5
    told = counts.told()
    assert told["change_stream_openings_total", "start", "afresh"] == 1
    assert told["change_stream_openings_total", "network", "resumed"] == 2
    assert told["frames_sent_total",] == 1000
    assert told["frames_skipped_total",] == 7
    assert told["sockets",] == 12
    assert told["newest_event_age_seconds",] == 1.5
    counts.sockets = 0
    assert counts.told()["sockets",] == 0


def test_writes_and_delays_are_told_as_histograms() -> None:
    counts = Counts()
    counts.metrics.note_write(64, 0.004)
    counts.metrics.note_write(3, 0.2)
    counts.metrics.note_delay(0.003)
    # MongoDB's clock is ahead of ours.
    counts.metrics.note_delay(-0.5)
    told = counts.told()
    assert (told["write_operations_count",], told["write_operations_sum",]) == (2, 67)
    assert told["write_operations_bucket", "32.0"] == 1
    assert told["write_seconds_bucket", "0.005"] == 1
    assert told["commit_to_frame_seconds_count",] == 2
    assert told["commit_to_frame_seconds_sum",] == 0.003


def test_what_was_found_out_is_told() -> None:
    counts = Counts()
    counts.settled["fenced"] += 2
    counts.settled["applied"] += 1
    counts.keys["replayed"] += 3
    counts.claims, counts.in_doubt = 7, 4
    told = counts.told()
    assert told["writes_settled_total", "fenced"] == 2
    assert told["writes_settled_total", "applied"] == 1
    assert told["keys_asked_again_total", "replayed"] == 3
    assert (told["claims_made_total",], told["stores_in_doubt",]) == (7, 4)
    counts.claims, counts.in_doubt = 9, 0
    told = counts.told()
    assert (told["claims_made_total",], told["stores_in_doubt",]) == (9, 0)


def test_what_the_keepers_did_and_how_far_the_ledger_is_are_told() -> None:
    counts = Counts()
    counts.ledger.update(rows=5, leases=1, gaps=2, unexplained=3)
    counts.ledger_lag = 1.5
    for _ in range(2):
        told = counts.told()
        assert (told["ledger_rows_total",], told["ledger_leases_total",]) == (5, 1)
        assert (told["ledger_gaps_total",], told["ledger_unexplained_lines_total",]) == (2, 3)
        assert told["ledger_lag_seconds",] == 1.5
    counts.ledger["rows"] += 2
    counts.ledger_lag = 0.0
    told = counts.told()
    assert (told["ledger_rows_total",], told["ledger_lag_seconds",]) == (7, 0)
