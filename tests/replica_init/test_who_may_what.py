"""Who may what on a real set: MongoDB's users, with tokens, keys and reports; and the first token."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote_plus

import msgspec
import pytest
from pymongo import MongoClient

from bot.compose.stocktaking import take_stock
from bot.daily.claims import Claims, ClaimState
from bot.report.stocktake import Totals
from store_api.access.known_tokens import caller_of
from store_api.access.token_text import hint_of, is_token, token_id
from store_api.contract.scopes import EVERY_SCOPE
from store_api.movements.turnover import Span, Turnover
from store_api.storage.clients import connect
from store_api.storage.writer import StoreWriter
from tests.replica_init.conftest import Begun
from tests.replica_init.running import (
    Run,
    Running,
    forget_what_is_newer,
    make_secrets,
    run,
    url_from,
    variables_for,
)
from tests.replica_init.test_with_key_file import ALL_IS_WELL, findings, refusal_of
from tests.support.service import run_python
from tests.support.tokens import Documents, tokens_in

Mongo = MongoClient[dict[str, Any]]
TODAY = date(2026, 1, 31)
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)

NOT_THEIRS = ("tokens", "secrets", "claims", "heartbeats")
"""What the service keeps beside stores."""


@pytest.fixture
def service(begun: Begun) -> Iterator[Mongo]:
    """MongoDB as the service reaches it, with a store and something in each of the service's collections."""
    with Mongo(url_of(begun, ".env")) as mongo:
        database = mongo["store_api"]
        database["stores"].replace_one({"_id": "south"}, {"items": {"chair": 3}}, upsert=True)
        for name in NOT_THEIRS:
            database[name].replace_one({"_id": "of the service"}, {}, upsert=True)
        yield mongo


@pytest.fixture
def tokens(service: Mongo) -> Documents:
    """The service's tokens, of which there are none."""
    kept = tokens_in(service["store_api"])
    kept.delete_many({})
    return kept


def url_of(begun: Begun, file: str) -> str:
    return url_from(begun.secrets / file)


def about_the_first_token(end: Run) -> str:
    """Say what a run did about it."""
    assert (end.exit_code, end.complaint) == (0, "")
    (said,) = [line for line in end.said if line.startswith("first token: ")]
    return said.removeprefix("first token: ")


def again(begun: Begun) -> Run:
    return run(variables_for(begun.members, begun.secrets))


def test_the_service_keeps_tokens_and_keys_of_sessions(service: Mongo) -> None:
    for name in ("tokens", "secrets"):
        kept = service["store_api"][name]
        kept.create_index("name")
        kept.insert_one({"_id": "one"})
        assert kept.update_one({"_id": "one"}, {"$set": {"revoked": True}}).modified_count == 1
        with service["store_api"].watch() as stream:
            assert kept.delete_one({"_id": "one"}).deleted_count == 1
            assert stream.next()["ns"]["coll"] == name


def attempts_at(kept: Documents, stores: Documents) -> list[Callable[[], object]]:
    """Give every way to see or change what is kept in a collection, one through another collection too."""
    return [
        kept.find_one,
        lambda: kept.insert_one({}),
        lambda: kept.update_one({}, {"$set": {"scopes": ["admin"]}}),
        lambda: kept.delete_one({}),
        lambda: kept.aggregate([]),
        lambda: stores.aggregate([{"$lookup": {"from": kept.name, "pipeline": [], "as": "seen"}}]),
        lambda: stores.aggregate([{"$unionWith": kept.name}]),
        lambda: stores.aggregate([{"$merge": kept.name}]),
        kept.drop,
    ]


@pytest.mark.parametrize("file", ["writer.env", "bot/.env"])
def test_others_see_nothing_of_what_lets_callers_in(begun: Begun, service: Mongo, file: str) -> None:
    with Mongo(url_of(begun, file)) as mongo:
        theirs = mongo["store_api"]
        attempts: list[Callable[[], object]] = [theirs.watch, lambda: list(theirs.list_collections())]
        for name in NOT_THEIRS:
            attempts += attempts_at(theirs[name], theirs["stores"])
        assert [refusal_of(attempt) for attempt in attempts] == [13] * len(attempts)


def test_the_bot_writes_to_no_store_and_nowhere_else(begun: Begun, service: Mongo) -> None:
    with Mongo(url_of(begun, "bot/.env")) as mongo:
        stores = mongo["store_api"]["stores"]
        assert stores.count_documents({"_id": "south"}) == 1
        attempts: list[Callable[[], object]] = [
            lambda: stores.insert_one({"_id": "s", "items": {}}),
            lambda: stores.update_one({"_id": "south"}, {"$inc": {"items.chair": 1}}),
            lambda: stores.delete_one({"_id": "south"}),
            stores.drop,
            mongo["elsewhere"]["evening_reports"].find_one,
            lambda: mongo["store_api"]["movements"].insert_one({}),
            lambda: mongo["store_api"]["ledger_state"].update_one({}, {"$set": {"off": True}}, upsert=True),
            lambda: mongo["store_api"]["ledger_checkpoints"].delete_one({}),
            lambda: mongo.admin.command("usersInfo"),
        ]
        assert [refusal_of(attempt) for attempt in attempts] == [13] * len(attempts)


def test_the_bot_may_do_all_that_it_does(begun: Begun, service: Mongo) -> None:
    service["store_api"]["evening_reports"].drop()

    async def a_day() -> None:
        client = connect(url_of(begun, "bot/.env"))
        await client.admin.command("ping")
        repository = StoreWriter(client, "store_api")
        claims = Claims(client, "store_api", "a bot")
        try:
            all_of_them = await take_stock(repository, None, NOON)
            assert "south" in [store.store_id for store in all_of_them.stores]
            assert len((await take_stock(repository, ["south"], NOON)).stores) == 1
            assert (await claims.claim(TODAY)).state is ClaimState.OURS
            assert await claims.renew(TODAY)
            await claims.note_totals(TODAY, {"south": Totals(1, 3)}, NOON, late=False)
            await claims.note_sent(TODAY, "message", 17)
            await claims.put_off(TODAY, 0)
            await claims.fail(TODAY, "no reason")
            await claims.finish(TODAY)
            assert await claims.last_sent() is not None
            assert await claims.history(7) == [(TODAY, 3)]
            turnover = Turnover(client, "store_api")
            assert await turnover.known() is None
            assert (await turnover.flows(Span(0, 2**31), 3)).sold.pieces == 0
            assert [some async for some in turnover.demanded(Span(0, 2**31, ["south"]))] == []
            assert await client["store_api"]["ledger_checkpoints"].find_one() is None
        finally:
            repository.close()
            client.close()

    asyncio.run(a_day())


def test_the_first_token_is_made_once_and_is_a_token_like_any_other(begun: Begun, tokens: Documents) -> None:
    assert about_the_first_token(begun.first) == "made; the file first-token holds it"
    assert about_the_first_token(again(begun)) == "made; the file first-token holds it"
    text = (begun.secrets / "first-token").read_text().strip()
    (kept,) = tokens.find({})
    assert is_token(text)
    assert kept["_id"] == token_id(text)
    assert kept["hint"] == hint_of(text)
    caller = caller_of(kept)
    assert caller is not None
    assert (caller.name, caller.scopes, caller.stores) == ("first", EVERY_SCOPE, None)
    # As the service's own command writes one.
    made_by_command(begun, "another", "read")
    other = tokens.find_one({"name": "another"})
    assert other is not None
    assert list(other) == list(kept)
    assert [type(other[name]) for name in ("_id", "made", "scopes")] == [bytes, datetime, list]
    assert [type(kept[name]) for name in ("_id", "made", "scopes")] == [bytes, datetime, list]
    assert about_the_first_token(again(begun)) == "is there, in force or revoked"


def made_by_command(begun: Begun, name: str, scopes: str) -> str:
    """Make a token as `docker compose exec api` does: where `.env` is, told what the service is."""
    folder = begun.secrets
    create = ("-m", "store_api", "tokens", "create", name, "--scopes", scopes, "--json")
    made = run_python(folder, {"AUTH": "tokens", "HOST": "::", "MONGO_DB": "store_api"}, *create)
    assert (made.returncode, made.stderr) == (0, "")
    return str(msgspec.json.decode(made.stdout)["token"])


def test_a_first_token_that_was_revoked_stays_so(begun: Begun, tokens: Documents) -> None:
    again(begun)
    revoke = ("-m", "store_api", "tokens", "revoke", "first")
    assert run_python(begun.secrets, {"AUTH": "tokens", "HOST": "::"}, *revoke).returncode == 0
    before = tokens.find_one({})
    assert before is not None
    assert before["revoked"] is not None
    assert about_the_first_token(again(begun)) == "is there, in force or revoked"
    assert list(tokens.find({})) == [before]


def test_a_first_token_that_was_taken_away_stays_away_where_there_are_others(
    begun: Begun, tokens: Documents
) -> None:
    again(begun)
    made_by_command(begun, "mine", "admin")
    tokens.delete_one({"name": "first"})
    assert about_the_first_token(again(begun)) == "left out, since there are others"
    assert [token["name"] for token in tokens.find({})] == ["mine"]


def test_several_at_once_make_one_first_token(begun: Begun, tokens: Documents) -> None:
    variables = variables_for(begun.members, begun.secrets)
    with Running(variables) as one, Running(variables) as two, Running(variables) as three:
        said = {about_the_first_token(running.end()) for running in (one, two, three)}
    assert said <= {"made; the file first-token holds it", "is there, in force or revoked"}
    assert tokens.count_documents({}) == 1


def test_a_set_of_before_gets_what_is_new_and_keeps_what_it_has(begun: Begun, tokens: Documents) -> None:
    key = quote_plus((begun.secrets / "keyFile").read_text())
    system = begun.members.url.replace("://", f"://__system:{key}@")
    with Mongo(f"{system}&authSource=local&authMechanism=SCRAM-SHA-256") as mongo:
        mongo.admin.command("dropUser", "stock_bot")
        mongo.admin.command("dropRole", "stock_bot")
    forget_what_is_newer(begun.secrets)
    # The init comes first, or alone: it goes on with what there is.
    without = again(begun)
    assert about_the_first_token(without).startswith("left out, there is no first-token")
    assert findings(without.said) == [
        *ALL_IS_WELL[:6],
        "left out, there is no bot-password.env; make-secrets makes it",
    ]
    make_secrets(begun.secrets, begun.members)
    upgraded = again(begun)
    assert about_the_first_token(upgraded) == "made; the file first-token holds it"
    assert findings(upgraded.said) == [*ALL_IS_WELL[:6], "made", "made", "as it should be"]
    with Mongo(url_of(begun, "bot/.env")) as bot:
        assert bot["store_api"]["stores"].count_documents({}) > 0
