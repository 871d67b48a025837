"""Who is told what."""

from store_api.feed.live_store import HeldStore
from store_api.feed.subscribers import Listener
from store_api.feed.subscriptions import ALL_STORES, Audience
from store_api.web.wire import wire_of
from tests.support.feed_world import quantities


def admitted(audience: Audience, store_id: str | None, *, only_changes: bool = False) -> Listener:
    listener = audience.expect(store_id, only_changes=only_changes)
    audience.admit(store_id, listener)
    return listener


def test_a_store_is_told_to_its_listeners_and_to_those_who_hear_all() -> None:
    audience = Audience(wire_of)
    mine, another, all_stores = (admitted(audience, key) for key in ("s", "another", ALL_STORES))
    audience.tell("s", HeldStore({"a": 1}))
    assert [listener.waiting for listener in (mine, another, all_stores)] == [1, 0, 1]


async def test_whole_reports_and_changes_go_to_those_who_asked_for_them() -> None:
    audience, held = Audience(wire_of), HeldStore({"a": 1, "b": 1})
    listeners = [admitted(audience, "s", only_changes=only) for only in (False, True)]
    held.replace({"a": 1, "b": 2})
    audience.tell("s", held)
    frames = [await listener.next() or "" for listener in listeners]
    assert [quantities(frame) for frame in frames] == [("s", {"a": 1, "b": 2}), ("s", {"b": 2})]
    assert len(audience) == 2


def test_those_who_listen_to_changes_alone_keep_the_place_as_well() -> None:
    audience = Audience(wire_of)
    listener = admitted(audience, "s", only_changes=True)
    assert "s" in audience
    audience.dismiss("s", listener)
    assert "s" not in audience


def test_a_broken_store_is_told_nobody_and_what_was_told_last_is_kept() -> None:
    audience, held = Audience(wire_of), HeldStore({"a": 1})
    listeners = [admitted(audience, "s", only_changes=only) for only in (False, True)]
    held.replace(None)
    audience.tell("s", held)
    assert [listener.waiting for listener in listeners] == [0, 0]
    assert held.told == {"a": 1}


def test_who_is_only_expected_is_told_nothing_and_not_counted_but_keeps_the_place() -> None:
    audience = Audience(wire_of)
    listener = audience.expect("s")
    audience.tell("s", HeldStore({"a": 1}))
    assert (listener.waiting, len(audience), "s" in audience) == (0, 0, True)
    audience.admit("s", listener)
    assert len(audience) == 1


def test_the_last_one_to_go_leaves_nothing_behind() -> None:
    audience = Audience(wire_of)
    present, expected = admitted(audience, "s"), audience.expect("s")
    audience.dismiss("s", present)
    assert "s" in audience
    assert len(audience) == 0
    audience.dismiss("s", expected)
    assert "s" not in audience


async def test_the_end_is_told_to_all_who_are_present() -> None:
    audience = Audience(wire_of)
    listeners = [
        admitted(audience, key, only_changes=only) for key in ("s", ALL_STORES) for only in (True, False)
    ]
    audience.close()
    assert [await listener.next() for listener in listeners] == [None] * 4
