"""Who is told what."""

from store_api.audience import ALL_STORES, Audience
from store_api.listener import Listener


def admitted(audience: Audience, store_id: str | None) -> Listener:
    listener = audience.expect(store_id)
    audience.admit(store_id, listener)
    return listener


def test_a_store_is_told_to_its_listeners_and_to_those_who_hear_all() -> None:
    audience = Audience()
    mine, another, all_stores = (admitted(audience, key) for key in ("s", "another", ALL_STORES))
    audience.tell("s", {"a": 1})
    assert [listener.waiting for listener in (mine, another, all_stores)] == [1, 0, 1]


def test_who_is_only_expected_is_told_nothing_and_not_counted_but_keeps_the_place() -> None:
    audience = Audience()
    listener = audience.expect("s")
    audience.tell("s", {"a": 1})
    assert (listener.waiting, len(audience), "s" in audience) == (0, 0, True)
    audience.admit("s", listener)
    assert len(audience) == 1


def test_the_last_one_to_go_leaves_nothing_behind() -> None:
    audience = Audience()
    present, expected = admitted(audience, "s"), audience.expect("s")
    audience.dismiss("s", present)
    assert "s" in audience
    assert len(audience) == 0
    audience.dismiss("s", expected)
    assert "s" not in audience


async def test_the_end_is_told_to_all_who_are_present() -> None:
    audience = Audience()
    listeners = [admitted(audience, key) for key in ("s", ALL_STORES)]
    audience.close()
    assert [await listener.next() for listener in listeners] == [None, None]
