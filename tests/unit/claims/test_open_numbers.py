"""Up to which number all claims of a writer came true."""

from store_api.claims.open_numbers import OpenNumbers


def test_nothing_is_noted_beyond_a_claim_that_is_open() -> None:
    numbers = OpenNumbers()
    for number in (2, 2, 4, 6):
        numbers.begin("w", number)
    assert numbers.to_note() == {"w": 1}
    numbers.end("w", 2)
    numbers.end("w", 4)
    assert numbers.to_note() == {"w": 1}
    numbers.end("w", 2)
    assert numbers.to_note() == {"w": 5}
    numbers.end("w", 6)
    assert numbers.to_note() == {"w": 6}


def test_only_news_is_noted_and_each_writer_has_its_own() -> None:
    numbers = OpenNumbers()
    for writer in ("w", "v"):
        numbers.begin(writer, 2)
        numbers.end(writer, 2)
    assert numbers.to_note() == {"w": 2, "v": 2}
    numbers.note("w", 2)
    assert numbers.to_note() == {"v": 2}
    numbers.begin("w", 4)
    assert numbers.to_note() == {"w": 3, "v": 2}


def test_a_writer_is_forgotten_once_nothing_of_it_can_change() -> None:
    numbers = OpenNumbers()
    numbers.begin("w", 2)
    numbers.begin("w", 4)
    numbers.end("w", 4)
    numbers.note("w", 1)
    numbers.forget("w")
    numbers.end("w", 2)
    assert numbers.to_note() == {"w": 4}
    numbers.note("w", 4)
    numbers.forget("w")
    assert numbers.to_note() == {}
    numbers.begin("w", 2)
    numbers.end("w", 2)
    assert numbers.to_note() == {"w": 2}
