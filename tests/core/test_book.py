"""The two books of a market, built from snapshots and absolute changes."""

from hypothesis import given
from hypothesis import strategies as st

from polybot.core.market.order_book import BookBuilder

C = 10_000  # one cent in millionths


def a_builder() -> BookBuilder:
    builder = BookBuilder("slug", "0xcid", "1", "2")
    builder.snapshot("1", [(50 * C, 5), (51 * C, 6)], [(55 * C, 8), (53 * C, 7)], 1)
    builder.snapshot("2", [(45 * C, 8), (47 * C, 7)], [(50 * C, 5), (49 * C, 6)], 2)
    return builder


def test_a_word_has_the_best_levels_first() -> None:
    word = a_builder().book_word(9)
    assert word is not None
    assert word.up_bids == ((51 * C, 6), (50 * C, 5))
    assert word.up_asks == ((53 * C, 7), (55 * C, 8))
    assert word.down_bids == ((47 * C, 7), (45 * C, 8))
    assert word.down_asks == ((49 * C, 6), (50 * C, 5))
    assert (word.slug, word.condition_id, word.venue_ns, word.received_ns) == ("slug", "0xcid", 2, 9)


def test_nothing_is_said_before_both_tokens_have_a_book() -> None:
    builder = BookBuilder("slug", "0xcid", "1", "2")
    assert builder.book_word(1) is None
    builder.snapshot("1", [], [], 1)
    assert builder.book_word(1) is None
    builder.snapshot("2", [], [], 1)
    assert builder.book_word(1) is not None


def test_a_change_is_the_new_total_and_zero_deletes() -> None:
    builder = a_builder()
    builder.change("1", True, 51 * C, 100, 3)
    builder.change("1", True, 51 * C, 40, 3)
    builder.change("1", False, 53 * C, 0, 3)
    builder.change("1", False, 54 * C, 0, 3)
    word = builder.book_word(9)
    assert word is not None
    assert (word.up_bids[0], word.up_asks, word.venue_ns) == ((51 * C, 40), ((55 * C, 8),), 3)


def test_a_snapshot_replaces_what_was_there() -> None:
    builder = a_builder()
    builder.snapshot("1", [(10 * C, 1), (9 * C, 0)], [], 4)
    word = builder.book_word(9)
    assert word is not None
    assert (word.up_bids, word.up_asks) == (((10 * C, 1),), ())


def test_a_book_that_fails_its_checksum_is_not_believed_until_a_snapshot() -> None:
    builder = a_builder()
    assert builder.agrees("1", 51 * C, 53 * C)
    assert not builder.agrees("1", 52 * C, 53 * C)
    assert builder.book_word(9) is None
    assert builder.agrees("1", 52 * C, 53 * C), "it is said once, not with every frame"
    builder.snapshot("1", [(52 * C, 1)], [(53 * C, 1)], 5)
    assert builder.book_word(9) is not None


def test_empty_sides_agree_with_nothing() -> None:
    builder = a_builder()
    builder.snapshot("1", [], [], 4)
    assert builder.agrees("1", None, None)
    assert not builder.agrees("1", None, 99 * C)


def test_after_a_lost_connection_nothing_is_believed() -> None:
    builder = a_builder()
    assert builder.forget()
    assert not builder.forget()
    assert builder.book_word(9) is None


levels = st.dictionaries(st.integers(1, 999), st.integers(1, 10**9), max_size=30)


@given(levels, levels, st.lists(st.tuples(st.booleans(), st.integers(1, 999), st.integers(0, 5)), max_size=40))
def test_changes_come_to_the_same_as_a_snapshot_of_the_result(
    bids: dict[int, int], asks: dict[int, int], changes: list[tuple[bool, int, int]]
) -> None:
    stepwise, at_once = a_builder(), a_builder()
    stepwise.snapshot("1", bids.items(), asks.items(), 3)
    for is_bid, price, size in changes:
        stepwise.change("1", is_bid, price, size, 3)
        side = bids if is_bid else asks
        side[price] = size
    at_once.snapshot("1", bids.items(), asks.items(), 3)
    assert stepwise.book_word(9) == at_once.book_word(9)
    word = at_once.book_word(9)
    assert word is not None
    assert len(word.up_bids) <= 5
    assert list(word.up_bids) == sorted(word.up_bids, reverse=True)
    assert list(word.up_asks) == sorted(word.up_asks)
