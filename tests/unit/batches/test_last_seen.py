from store_api.batches.last_seen import LastSeen, Seen


def test_the_latest_news_of_a_store_is_remembered_until_it_is_forgotten() -> None:
    memory = LastSeen()
    assert memory.recall("s") is None
    memory.remember("s", Seen({"a": 1}, complete=True))
    memory.remember("s", Seen({"a": 2}, complete=False))
    assert memory.recall("s") == Seen({"a": 2}, complete=False)
    memory.remember("s", Seen(None, complete=True))
    assert memory.recall("s") == Seen(None, complete=True)
    memory.forget("s")
    memory.forget("s")
    assert memory.recall("s") is None


def test_the_stores_seen_longest_ago_make_room_for_new_ones() -> None:
    memory = LastSeen(most_items=10)
    for store_id in ("s1", "s2", "s3"):
        memory.remember(store_id, Seen({"a": 1, "b": 2}, complete=True))
    memory.remember("s1", Seen({"a": 0, "b": 2}, complete=True))
    memory.remember("s4", Seen({"a": 1, "b": 2}, complete=True))
    assert [memory.recall(f"s{number}") is not None for number in (1, 2, 3, 4)] == [True, False, True, True]


def test_however_often_stores_come_and_go_there_is_room_for_as_many() -> None:
    memory = LastSeen(most_items=6)
    for number in range(100):
        memory.remember(f"s{number % 7}", Seen({"a": number, "b": 0}, complete=True))
        memory.remember("none", Seen(None, complete=True))
        memory.forget(f"s{(number + 3) % 7}")
    for store_id in ("x", "y"):
        memory.remember(store_id, Seen({"a": 1, "b": 2}, complete=True))
    assert memory.recall("x") is not None
    assert memory.recall("y") is not None


def test_a_store_larger_than_the_memory_is_not_remembered_and_pushes_the_others_out() -> None:
    memory = LastSeen(most_items=3)
    memory.remember("small", Seen({"a": 1}, complete=True))
    memory.remember("large", Seen({"a": 1, "b": 1, "c": 1}, complete=True))
    assert memory.recall("large") is None
    memory.remember("small", Seen({"a": 1}, complete=True))
    assert memory.recall("small") is not None
