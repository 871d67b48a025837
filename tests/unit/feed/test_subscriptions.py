"""Who is told what."""

import pytest

from store_api.errors import BrokenDocument
from store_api.feed import ALL_STORES, Subscriber
from store_api.feed.live_store import LiveStore
from store_api.feed.subscriptions import Heard, Subscriptions
from store_api.stock import StorePatterns
from store_api.web.socket_writers import wire_of
from tests.support.feed_world import quantities


def admitted(subscriptions: Subscriptions, heard: Heard, *, only_changes: bool = False) -> Subscriber:
    subscriber = subscriptions.expect(heard, only_changes=only_changes)
    subscriptions.admit(heard, subscriber)
    return subscriber


def test_a_store_is_told_to_its_listeners_and_to_those_who_hear_all() -> None:
    subscriptions = Subscriptions(wire_of)
    mine, another, all_stores = (admitted(subscriptions, key) for key in ("s", "another", ALL_STORES))
    subscriptions.tell("s", LiveStore({"a": 1}))
    assert [subscriber.waiting for subscriber in (mine, another, all_stores)] == [1, 0, 1]


async def test_whole_reports_and_changes_go_to_those_who_asked_for_them() -> None:
    subscriptions, live = Subscriptions(wire_of), LiveStore({"a": 1, "b": 1})
    subscribers = [admitted(subscriptions, "s", only_changes=only) for only in (False, True)]
    live.replace({"a": 1, "b": 2})
    subscriptions.tell("s", live)
    frames = [await subscriber.next() or "" for subscriber in subscribers]
    assert [quantities(frame) for frame in frames] == [("s", {"a": 1, "b": 2}), ("s", {"b": 2})]
    assert len(subscriptions) == 2


def test_those_who_listen_to_changes_alone_keep_the_place_as_well() -> None:
    subscriptions = Subscriptions(wire_of)
    subscriber = admitted(subscriptions, "s", only_changes=True)
    assert "s" in subscriptions
    subscriptions.dismiss("s", subscriber)
    assert "s" not in subscriptions


def test_a_store_that_is_being_read_is_told_nobody_and_what_was_told_last_is_kept() -> None:
    subscriptions, live = Subscriptions(wire_of), LiveStore({"a": 1})
    subscribers = [admitted(subscriptions, "s", only_changes=only) for only in (False, True)]
    live.replace(None)
    subscriptions.tell("s", live)
    assert [subscriber.waiting for subscriber in subscribers] == [0, 0]
    assert live.told == {"a": 1}


def test_who_is_only_expected_is_told_nothing_and_not_counted_but_keeps_the_place() -> None:
    subscriptions = Subscriptions(wire_of)
    subscriber = subscriptions.expect("s")
    subscriptions.tell("s", LiveStore({"a": 1}))
    assert (subscriber.waiting, len(subscriptions), "s" in subscriptions) == (0, 0, True)
    subscriptions.admit("s", subscriber)
    assert len(subscriptions) == 1


def test_the_last_one_to_go_leaves_nothing_behind() -> None:
    subscriptions = Subscriptions(wire_of)
    present, expected = admitted(subscriptions, "s"), subscriptions.expect("s")
    subscriptions.dismiss("s", present)
    assert "s" in subscriptions
    assert len(subscriptions) == 0
    subscriptions.dismiss("s", expected)
    assert "s" not in subscriptions


async def test_the_end_is_told_to_all_who_are_present() -> None:
    subscriptions = Subscriptions(wire_of)
    subscribers = [
        admitted(subscriptions, key, only_changes=only) for key in ("s", ALL_STORES) for only in (True, False)
    ]
    subscriptions.close()
    assert [await subscriber.next() for subscriber in subscribers] == [None] * 4


BERLIN, PARIS = StorePatterns.of(["berlin-*"]), StorePatterns.of(["paris", "rome"])


@pytest.mark.parametrize("only_changes", [False, True])
def test_of_all_stores_each_is_told_those_that_it_may_see(*, only_changes: bool) -> None:
    subscriptions = Subscriptions(wire_of)
    heard: list[Heard] = [BERLIN, PARIS, StorePatterns.of([]), StorePatterns.of(["*"]), ALL_STORES, "paris"]
    subscribers = [admitted(subscriptions, each, only_changes=only_changes) for each in heard]
    for store_id, broken in (("berlin-1", False), ("paris", False), ("rome", True), ("berlin", True)):
        live = LiveStore({}, changed={"a": 1})
        if broken:
            live.replace(BrokenDocument(store_id, "it is"))
        subscriptions.tell(store_id, live)
    assert [subscriber.waiting for subscriber in subscribers] == [1, 2, 0, 4, 4, 1]
    assert not any(subscriber.is_broken for subscriber in subscribers)


def test_a_change_that_nobody_may_see_is_told_nobody_but_kept_as_told() -> None:
    subscriptions, live = Subscriptions(wire_of), LiveStore({"a": 1}, changed={"a": 1})
    subscriber = admitted(subscriptions, BERLIN, only_changes=True)
    assert not subscriptions.tell("paris", live)
    assert (subscriber.waiting, live.changed) == (0, {})


def test_whether_a_change_is_theirs_is_asked_once_for_all_who_may_see_the_same() -> None:
    asked = []

    class Asked(StorePatterns):
        def __contains__(self, store_id: str) -> bool:
            asked.append(store_id)
            return super().__contains__(store_id)

    subscriptions = Subscriptions(wire_of)
    everything = [admitted(subscriptions, ALL_STORES) for _ in range(10)]
    some = [admitted(subscriptions, Asked(frozenset({"paris"}), ())) for _ in range(10)]
    subscriptions.tell("paris", LiveStore({"a": 1}))
    assert [subscriber.waiting for subscriber in (*everything, *some)] == [1] * 20
    assert asked == ["paris"]


def test_who_listens_to_some_of_all_stores_keeps_all_of_them_until_the_last_one_goes() -> None:
    subscriptions = Subscriptions(wire_of)
    first, second = admitted(subscriptions, BERLIN), admitted(subscriptions, PARIS, only_changes=True)
    assert ALL_STORES in subscriptions
    assert "paris" not in subscriptions
    subscriptions.dismiss(BERLIN, first)
    assert ALL_STORES in subscriptions
    subscriptions.dismiss(PARIS, second)
    assert ALL_STORES not in subscriptions
    assert not subscriptions.is_heard()
