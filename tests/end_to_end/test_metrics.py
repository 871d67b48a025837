"""`/metrics` of the served program: true for one process, and the sum of all for several."""

import httpx

from tests.support.listening import listening
from tests.support.metrics import samples
from tests.support.service import Service, needs_proc

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
