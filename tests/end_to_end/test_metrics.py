"""`/metrics` of the served program: true for one process, and the sum of all for several."""

from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from pymongo import MongoClient

from tests.end_to_end.conftest import service_alone
from tests.support.listening import listening
from tests.support.metrics import samples
from tests.support.mongod import wait_until
from tests.support.service import Service, needs_proc
from tests.support.tokens import bearer, let_in, tokens_in

pytestmark = needs_proc

SUPPLY = {"operation": "supply", "item_id": "chair", "quantity": 2}
SHORT = {"operation": "demand", "item_id": "chair", "quantity": 1000}


async def test_what_workers_did_is_summed_whichever_is_asked(
    two_workers: Service, workers: list[httpx.AsyncClient], store_id: str
) -> None:
    # Who is asked hands their own figures over first: the last to be asked knows all.
    before = [await samples(client) for client in workers][-1]
    first, second = two_workers.worker_pids()
    async with (
        listening(two_workers, store_id, worker=first) as one,
        listening(two_workers, store_id, worker=second) as other,
    ):
        for client in workers:
            assert (await client.post(f"/stores/{store_id}", json=SUPPLY)).status_code == 200
            assert (await client.post(f"/stores/{store_id}", json=SHORT)).status_code == 409
            for listener in (one, other):
                await listener.report()

        def grown(now: dict[tuple[str, ...], float], *key: str) -> float:
            return now[key] - before.get(key, 0.0)

        for now in [await samples(client) for client in (*workers, *workers)][-2:]:
            assert grown(now, "operations_total", "supply", "applied") == 2
            assert grown(now, "operations_total", "demand", "out-of-stock") == 2
            assert grown(now, "frames_sent_total") == 4
            assert grown(now, "commit_to_frame_seconds_count") == 4
            assert grown(now, "write_operations_sum") == 4
            assert now["sockets",] == 2
            assert now["change_stream_openings_total", "start", "afresh"] >= 2
            assert 0 <= now["newest_event_age_seconds",] < 10


async def test_who_is_not_let_in_is_counted_and_told_once_a_second(
    mongo_url: str, mongo: MongoClient[dict[str, Any]], tmp_path: Path
) -> None:
    with service_alone(mongo_url, mongo, tmp_path, "1", AUTH="tokens", RATE_READS="2/hour") as service:
        tokens = tokens_in(mongo[service.database])
        made = {name: let_in(tokens, [name], stores=["north"]) for name in ("read", "demand", "metrics")}
        async with service.client() as http:
            for _ in range(20):
                await http.get("/stores", headers=bearer("sapi_no-token"))
            await http.get("/stores")
            await http.get("/ws/stores")
            await http.post("/stores/north/clean", headers=bearer(made["demand"]))
            await http.post("/stores/north", headers=bearer(made["demand"]), json=SUPPLY)
            await http.post("/stores/south", headers=bearer(made["demand"]), json=SHORT)
            await http.get("/stores", headers={"Host": "evil.example"})
            foreign = {**bearer(made["demand"]), "Origin": "https://evil.example"}
            await http.post("/stores/north", headers=foreign, json=SHORT)
            for _ in range(3):
                await http.get("/stores", headers=bearer(made["read"]))
            http.headers.update(bearer(made["metrics"]))
            now = await samples(http)
        refused = {
            "credential-invalid": 20,
            "credential-missing": 2,
            "scope-missing": 2,
            "store-forbidden": 1,
            "unknown-host": 1,
            "foreign-page": 1,
            "quota-exceeded": 1,
        }
        assert {reason: now["refusals_total", reason] for reason in refused} == refused
        assert now["known_tokens",] == 3

        def told() -> Counter[str]:
            lines = service.log("refused_callers")
            assert len(lines) < 5  # of 28 refusals in much less than so many seconds
            return sum((Counter(line["refused"]) for line in lines), Counter[str]())

        wait_until(lambda: told() == refused, "the log tells of all")
        assert not [token for token in (*made.values(), "no-token") if token in service.complaints]
