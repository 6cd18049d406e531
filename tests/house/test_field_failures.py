"""The 27 failures that users of this venue have reported, and for each the tests that fail if our defence is taken away.

The numbers are those of facts §14. A test that is renamed must be renamed here; one that is deleted, or that pytest does
not run any more, leaves a number without a guard, and that is a defect.
"""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from polybot.core.market.windows import window_of

ROOT = Path(__file__).resolve().parents[2]
EXECUTOR, ADAPTERS, CORE = "core/executor", "adapters", "core"

# number: (what was seen, tests as file::name)
FAILURES: dict[int, tuple[str, tuple[str, ...]]] = {
    1: (
        "a fill is shown and never settles",
        (
            "backtest/test_exactly_once.py::test_in_a_burst_of_failed_settlements_exposure_counts_once_and_nothing_is_bought_again",
            f"{EXECUTOR}/test_executor_orders.py::test_a_failed_settlement_takes_the_fill_back_in_one_entry",
            f"{EXECUTOR}/test_executor_crashes.py::test_killed_at_any_word_while_a_fill_fails",
        ),
    ),
    2: (
        "the socket is open, pongs flow, no data for minutes",
        (f"{CORE}/test_market_feed.py::test_a_stalled_book_channel_is_reconnected_only_while_a_market_is_live",),
    ),
    3: (
        "the book is frozen: asset_id is inside price_changes",
        (f"{ADAPTERS}/test_frames.py::test_a_price_change_sets_both_tokens",),
    ),
    4: (
        "a stale snapshot",
        (
            f"{CORE}/test_book.py::test_a_book_that_fails_its_checksum_is_not_believed_until_a_snapshot",
            f"{ADAPTERS}/test_sources.py::test_a_distrusted_book_is_left_and_asked_for_again",
            f"{ADAPTERS}/test_frames.py::test_the_known_book_hash",
        ),
    ),
    5: (
        "a level's new total taken for a change",
        (f"{CORE}/test_book.py::test_a_change_is_the_new_total_and_zero_deletes",),
    ),
    6: (
        "the worst level taken for the best",
        (f"{ADAPTERS}/test_frames.py::test_the_tops_are_the_last_of_the_wire_and_the_first_of_the_word",),
    ),
    7: (
        "not enough balance right after money came",
        (
            f"{ADAPTERS}/test_balance_cache.py::test_a_fresh_read_updates_first",
            f"{EXECUTOR}/test_field_orders.py::test_a_difference_makes_the_venue_look_at_the_chain_before_anyone_is_blamed",
            f"{EXECUTOR}/test_selling.py::test_shares_of_a_trade_that_is_not_settled_cannot_be_sold_yet",
        ),
    ),
    8: (
        "selling the size bought fails by dust",
        (f"{EXECUTOR}/test_selling.py::test_no_more_is_sold_than_is_held_to_two_decimals",),
    ),
    9: (
        "a BUY is killed though the ask is there",
        (
            f"{EXECUTOR}/test_selling.py::test_a_market_buy_never_implies_a_price_below_its_limit",
            f"{EXECUTOR}/test_selling.py::test_amounts_of_the_official_client_pass_and_one_unit_off_is_refused",
            f"{CORE}/test_amounts.py::test_prices_that_floats_would_floor_wrongly_stay_what_they_are",
        ),
    ),
    10: (
        "too many decimals",
        (
            f"{CORE}/test_amounts.py::test_maker_has_two_decimals_and_taker_four_both_floored",
            f"{EXECUTOR}/test_selling.py::test_amounts_of_the_official_client_pass_and_one_unit_off_is_refused",
        ),
    ),
    11: (
        "a price off the tick after the tick changed",
        (
            f"{CORE}/test_amounts.py::test_the_limit_is_ask_plus_slack_at_most_the_cap_on_the_cent_grid",
            f"{CORE}/test_market_feed.py::test_a_finer_tick_is_kept_though_gamma_still_shows_the_old_one",
        ),
    ),
    12: (
        "more shares than asked for",
        (
            f"{EXECUTOR}/test_field_orders.py::test_a_buy_that_brings_more_shares_than_it_asked_for_is_booked_as_it_came",
        ),
    ),
    13: (
        "a FAK answered live, or delayed and then nothing",
        (f"{EXECUTOR}/test_field_orders.py::test_an_immediate_order_is_not_over_because_its_answer_names_no_amounts",),
    ),
    14: (
        "401: clock, query in the HMAC, body serialised again",
        (
            f"{ADAPTERS}/test_clob.py::test_a_post_is_signed_over_its_exact_bytes",
            f"{ADAPTERS}/test_clob.py::test_all_pages_are_read_and_the_query_is_not_signed",
            f"{EXECUTOR}/test_venue_state.py::test_each_answer_is_the_state_it_means_named_in_account",
        ),
    ),
    15: (
        "403 and a page of HTML",
        (
            f"{ADAPTERS}/test_post_answer.py::test_whatever_is_in_doubt_is_unknown",
            f"{EXECUTOR}/test_refusals.py::test_a_page_and_a_geoblock_endpoint_that_says_blocked_halt",
        ),
    ),
    16: (
        "orders vanish",
        (
            f"{EXECUTOR}/test_dead_man.py::test_orders_that_the_venue_cancelled_in_the_silence_are_known_to_be_gone",
            f"{EXECUTOR}/test_field_orders.py::test_an_order_that_vanished_in_silence_is_found_out_by_reconciliation",
            f"{ADAPTERS}/test_frames.py::test_an_event_that_ends_an_order_ends_it_whatever_its_words",
        ),
    ),
    17: (
        "the resolution is never pushed",
        (
            f"{ADAPTERS}/test_sources.py::test_the_market_channel_stays_closed_until_something_is_wanted",
            f"{EXECUTOR}/test_field_orders.py::test_a_resolution_that_is_never_pushed_is_asked_for",
            f"{CORE}/test_market_feed.py::test_an_ended_market_is_polled_every_two_machine_seconds_until_resolved",
        ),
    ),
    18: (
        "the fee is read from a legacy field",
        (f"{ADAPTERS}/test_feeds_rest.py::test_a_fee_that_is_missing_or_in_dispute_is_unknown_not_zero",),
    ),
    19: (
        "a closed market is not listed",
        (f"{ADAPTERS}/test_feeds_rest.py::test_closed_markets_are_found_by_the_second_query",),
    ),
    20: (
        "startDate taken for the window's start",
        (
            f"{ADAPTERS}/test_feeds_rest.py::test_the_start_is_the_events_not_the_day_it_was_listed",
            f"{CORE}/test_windows.py::test_a_slug_names_its_start_and_back",
        ),
    ),
    21: (
        "a filtered price subscription is silent",
        (f"{ADAPTERS}/test_sources.py::test_rtds_is_subscribed_unfiltered_and_anew_on_each_connection",),
    ),
    22: (
        "the history of books is gone: record your own",
        ("house/test_field_failures.py::test_nothing_asks_for_routes_that_are_gone",),
    ),
    23: (
        "deposit wallets sign in their own way",
        (
            f"{ADAPTERS}/test_signing.py::test_a_funded_order_has_the_known_id",
            f"{ADAPTERS}/test_signing.py::test_a_signer_that_could_not_be_paid_is_refused",
        ),
    ),
    24: (
        "more than 200 assets on one socket bring no snapshots",
        (
            f"{CORE}/test_market_feed.py::test_the_current_window_and_the_next_two_are_asked_for_within_the_session",
            "venue/test_channels.py::test_more_than_two_hundred_tokens_bring_no_snapshot",
        ),
    ),
    25: (
        "a restart taken for the end",
        (
            f"{EXECUTOR}/test_venue_state.py::test_a_restart_is_over_when_it_said_and_then_the_books_are_read_anew",
            f"{EXECUTOR}/test_venue_state.py::test_a_restart_waits_longer_each_time_it_goes_on",
            f"{ADAPTERS}/test_post_answer.py::test_a_clear_not_now_may_be_tried_again",
        ),
    ),
    26: (
        "the four-hour slug is off by one in winter",
        ("house/test_field_failures.py::test_windows_of_other_lengths_are_not_ours",),
    ),
    27: (
        "orders of another version",
        (
            f"{CORE}/test_market_rules.py::test_a_market_that_wants_other_signatures_is_unknown",
            f"{ADAPTERS}/test_signing.py::test_order_a_has_the_known_struct_hash_id_and_signature",
        ),
    ),
}


def collecting() -> Any:
    """The module beside this one: tests are no packages."""
    spec = importlib.util.spec_from_file_location("house_collecting", Path(__file__).with_name("collecting.py"))
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_failure_of_the_list_has_its_guards() -> None:
    assert sorted(FAILURES) == list(range(1, 28))


def test_the_guards_are_tests_that_pytest_runs() -> None:
    guards = {guard: f"{number} ({seen})" for number, (seen, guards) in FAILURES.items() for guard in guards}
    files = sorted({guard.partition("::")[0] for guard in guards})
    assert [file for file in files if not (ROOT / "tests" / file).exists()] == []
    runs = {found.test for found in collecting().collected(*files)}
    assert [f"{number} has lost its guard {guard}" for guard, number in guards.items() if guard not in runs] == []


def test_nothing_asks_for_routes_that_are_gone() -> None:
    gone = ("/orderbook-history", "/fee-rate")
    code = [p for folder in ("polybot/adapters", "polybot/core", "actors") for p in (ROOT / folder).rglob("*.py")]
    assert [f"{p}: {route}" for p in code for route in gone if route in p.read_text()] == []


@pytest.mark.parametrize("slug", ["btc-updown-4h-1767747600", "btc-updown-15m-1795132800", "btc-updown-5m-1795132801"])
def test_windows_of_other_lengths_are_not_ours(slug: str) -> None:
    """Traded by its own slug a window's hours are never computed from a time zone; what is no five-minute slug is no window."""
    assert window_of(slug) is None
