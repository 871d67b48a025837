"""Members of the replica set die, hang, step down and start again: the stream is taken up where it was."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus

import httpx
import pytest
from msgspec import structs
from pymongo import WriteConcern

from store_api.claims import Claim
from store_api.errors import DatabaseUnavailable
from store_api.sending.primary import Primary
from store_api.stock import Key
from store_api.storage.claims import ClaimCollection
from store_api.storage.clients import connect
from store_api.storage.reader import StoreReader
from store_api.tokens.collection import NewToken, TokenCollection
from tests.faults.scene import Mongo, World, scene_of, world_of
from tests.support.fail_points import failing
from tests.support.mongod import ReplicaSetOfThree, wait_until
from tests.support.service import new_store_id

NOW = datetime(2026, 11, 27, tzinfo=UTC)

NO_NEWS = {
    "configureFailPoint": "failCommand",
    "mode": {"times": 20},
    "data": {
        "failCommands": ["getMore"],
        "failInternalCommands": True,
        "blockConnection": True,
        "blockTimeMS": 500,
    },
}
"""Lets the members of a primary copy what it writes next, and hear half a second later that they all have it.

A heartbeat tells them within a tenth of a second: by then it must be dead.
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ReplicaSetOfThree() as members, world_of(members, tmp_path_factory.mktemp("service")) as world:
        yield world


async def test_what_a_majority_lacks_is_waited_for_before_all_is_read(world: World) -> None:
    replication = [world.member(index) for index in range(3) if index != world.members.primary()]
    client = connect(world.url)
    await client.admin.command("ping")
    stores = StoreReader(client, world.service.database)
    store_id = new_store_id()
    try:
        # From now on its primary may be read.
        assert await stores.read(store_id) is None
        pause(replication, "alwaysOn")
        with world.primary() as mongo:
            collection = mongo[world.service.database].get_collection("stores", write_concern=WriteConcern(1))
            collection.insert_one({"_id": store_id, "items": {"chair": 1}})
        waiting = asyncio.create_task(stores.until_a_majority_has_all())
        assert await stores.read(store_id) is None
        assert not waiting.done()
        pause(replication, "off")
        await waiting
        assert await stores.read(store_id) == {"chair": 1}
    finally:
        pause(replication, "off")
        client.close()
        for member in replication:
            member.close()


async def test_a_claim_that_no_majority_has_yet_is_waited_for_in_the_place_of_another(world: World) -> None:
    replication = [world.member(index) for index in range(3) if index != world.members.primary()]
    client = connect(world.url)
    await client.admin.command("ping")
    claims = ClaimCollection(client, world.service.database, Primary(client.delegate), hours=1)
    first = Claim(Key("anonymous", new_store_id(), b"same"), "north", "writer", 2)
    second = structs.replace(first, number=4)
    stepping_down = {"code": 91, "errmsg": "it steps down, and waits for no majority"}
    try:
        assert await claims.put([(None, first)]) == [None]
        pause(replication, "alwaysOn")
        with (
            world.primary() as mongo,
            failing(mongo, "update", times=1, writeConcernError=stepping_down) as met,
        ):
            putting = asyncio.create_task(claims.put([(first, second)]))
            await met.wait_until_hit()
            # A majority still has the first one, which is no answer.
            assert await claims.find(first.key) == first
            assert not putting.done()
            pause(replication, "off")
            # It may take members longer than the service waits: then it is asked again.
            with suppress(DatabaseUnavailable):
                assert await putting == [None]
        assert await claims.put([(first, second)]) == [None]
        assert await claims.find(first.key) == second
    finally:
        pause(replication, "off")
        client.close()
        for member in replication:
            member.close()


def pause(members: Sequence[Mongo], mode: str) -> None:
    """Stop members from copying, or let them go on."""
    for member in members:
        member.admin.command({"configureFailPoint": "stopReplProducer", "mode": mode})


@pytest.mark.parametrize("written", ["stock", "token"])
async def test_a_primary_that_does_not_know_yet_what_a_majority_has_is_not_read(
    world: World, written: str
) -> None:
    members, store_id, name = world.members, new_store_id(), new_store_id()
    old = members.primary()
    late, client = world.member(await asyncio.to_thread(last_of_the_line, world, old)), connect(world.url)
    await client.admin.command("ping")
    tokens = TokenCollection(client, world.service.database)
    token = NewToken(name.encode(), "sapi_", name, ["read"], None, NOW, None)
    supply = {"operation": "supply", "item_id": "chair", "quantity": 1}
    try:
        async with world.service.client() as http:
            assert '"quantity":1}' in (await http.post(f"/stores/{store_id}", json=supply)).text
            await tokens.keep(token)
            assert (await tokens.read_one(token.token) or {})["revoked"] is None
            pause([late], "alwaysOn")
            with world.member(old) as mongo:
                mongo.admin.command(NO_NEWS)
            if written == "stock":
                assert '"quantity":2}' in (await http.post(f"/stores/{store_id}", json=supply)).text
            else:
                assert await tokens.revoke(name, NOW) == 1
            members.kill(old)
            await asyncio.to_thread(members.primary, 30.0)
            if written == "stock":
                reading: asyncio.Task[object] = asyncio.create_task(report_of(http, store_id))
            else:
                reading = asyncio.create_task(revoked_at(tokens, token.token))
            await asyncio.wait([reading], timeout=1.0)
            pause([late], "off")
            assert await reading == {"stock": 2, "token": NOW}[written]
    finally:
        pause([late], "off")
        late.close()
        client.close()
    members.start(old)
    members.wait_until_whole()


def last_of_the_line(world: World, primary: int) -> int:
    """Give a secondary from which the other one does not copy: that one has all from the primary itself."""
    source = f"{world.members.addresses[primary]}:{world.members.ports[primary]}"
    others = {index for index in range(3) if index != primary}

    def direct() -> set[int]:
        found = set()
        for index in others:
            with world.member(index) as mongo:
                if mongo.admin.command("replSetGetStatus")["syncSourceHost"] == source:
                    found.add(index)
        return found

    wait_until(lambda: bool(direct()), "somebody copies from the primary", 30.0)
    return (others - {min(direct())}).pop()


async def report_of(http: httpx.AsyncClient, store_id: str) -> object:
    """Give the quantity of its one item, once there is a primary."""
    while (answer := await http.get(f"/stores/{store_id}")).status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        pass
    return answer.json()["store"]["report"][0]["quantity"]


async def revoked_at(tokens: TokenCollection, token: bytes) -> object:
    """Give when a token was revoked, once there is a primary."""
    while True:
        with suppress(DatabaseUnavailable):
            return (await tokens.read_one(token) or {})["revoked"]


async def test_when_the_primary_steps_down(world: World) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        with world.primary() as mongo:
            mongo.admin.command({"replSetStepDown": 5, "secondaryCatchUpPeriodSecs": 2})
        await scene.comes_good("primary steps down", afresh=False)


async def test_when_the_primary_is_killed(world: World) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        killed = world.members.primary()
        world.members.kill(killed)
        await scene.comes_good("primary killed", afresh=False, unready=True)
    world.members.start(killed)
    world.members.wait_until_whole()


async def test_when_the_primary_hangs_and_comes_back(world: World) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        frozen = world.members.primary()
        world.members.freeze(frozen)
        try:
            await scene.has_news("primary hangs", hangs=True)
        finally:
            world.members.thaw(frozen)
        await asyncio.to_thread(world.members.wait_until_whole)
        await scene.comes_good("and comes back", afresh=False)


async def test_when_all_members_are_killed_and_start_again(world: World) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        await asyncio.to_thread(world.members.kill, 0, 1, 2)
        await asyncio.to_thread(world.members.start, 0, 1, 2)
        await scene.comes_good("all members restarted", afresh=False, unready=True)


async def test_when_all_members_hang_until_the_service_says_so(world: World) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        for index in range(3):
            world.members.freeze(index)
        await scene.is_unready()
        for index in range(3):
            world.members.thaw(index)
        await scene.comes_good("all members hang", afresh=False, unready=True)
