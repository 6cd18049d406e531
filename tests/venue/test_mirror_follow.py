"""From the real venue's words to the mirror's exchange: what is listed, filled, refused, ended, and kept over a restart."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from polybot.sim.venue import NewOrder, Placed
from polybot.sim.venue.mirror import MirrorEngine
from polybot.venue.accounts.api_keys import IssuedKey, Keys
from polybot.venue.accounts.engine_service import House
from polybot.venue.accounts.order_service import BookUnknown, OrderDesk
from polybot.venue.accounts.signatures import BadOrder, WireOrder
from polybot.venue.accounts.store import VenueStore
from polybot.venue.mirror.catalogue import MirrorCatalogue
from polybot.venue.mirror.follow import Follower
from polybot.venue.mirror.market_parser import MirroredMarket, facts_of
from polybot.venue.wire import clob_frames, gamma_objects
from polybot.venue.wire.clob_frames import Pair, Sides
from polybot.venue.wire.gamma_objects import Listing

E6 = 1_000_000
SECOND = 1_000_000_000
START_S = 1_795_132_800
UP, DOWN, CID = "9134", "7663", "0x" + "74" * 32
SLUG = f"btc-updown-5m-{START_S}"
LISTING = Listing(
    slug=SLUG,
    start_s=START_S,
    end_s=START_S + 300,
    condition_id=CID,
    question_id="0x" + "75" * 32,
    up_token=UP,
    down_token=DOWN,
    gamma_id="3048031",
    rule="twap60",
    has_real_books=True,
)
PAIR = Pair(CID, UP, DOWN)
BOOK = Sides(bids=((490_000, 50 * E6),), asks=((510_000, 40 * E6), (520_000, 100 * E6)))
ME = IssuedKey("key", "secret", "passphrase", "0x" + "aa" * 20, 0)


def the_objects(**changed: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Gamma's and the CLOB's, as the real venue has them."""
    shown = gamma_objects.market_object(LISTING, gamma_objects.Now(tick_e6=10_000)) | changed
    clob = {
        "t": [{"t": UP, "o": "Up"}, {"t": DOWN, "o": "Down"}],
        "mts": 0.01,
        "mos": 5,
        "fd": {"r": 0.07, "e": 1, "to": True},
        "itode": True,
        "ao": True,
        "v": "v1",
    }
    return shown, clob


def the_facts(clob: dict[str, Any] | None = None, **changed: Any) -> MirroredMarket:
    shown, usual = the_objects(**changed)
    return facts_of(shown, usual | (clob or {}))


@dataclass
class HandClock:
    """World time, moved by the test."""

    ns: int

    def now_ns(self) -> int:
        return self.ns


@dataclass
class Mirror:
    """A mirror whose time and whose real venue are the test's."""

    folder: Path
    clock: HandClock = field(default_factory=lambda: HandClock((START_S + 20) * SECOND))
    mono: float = 1_000.0
    reopened: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None  # during a taker's delay

    def begin(self) -> "Mirror":
        """As the program does, also after a kill."""
        self.store = VenueStore(self.folder / "venue.sqlite", "test")
        self.engine = MirrorEngine()
        self.catalogue = MirrorCatalogue()
        self.follower = Follower(self.engine, self.catalogue, self.clock.now_ns, lambda: self.mono)
        self.follower.reopen = self.reopened.append
        keys = Keys(b"secret" * 6)
        keys.restore(ME)
        self.house = House(
            self.store,
            keys,
            self.catalogue,
            self.clock.now_ns,
            1_000 * E6,
            engine=self.engine,
            unknown=self.follower.unknown,
        )
        self.house.restore()
        self.follower.serve(self.house)
        self.desk = OrderDesk(self.house, self.delay)
        return self

    async def delay(self, until_ns: int, _token: str) -> None:
        """Something may happen meanwhile."""
        self.clock.ns = until_ns
        self.meanwhile()

    def follow(self, facts: MirroredMarket | None = None) -> "Mirror":
        """Listed, subscribed, its first book here."""
        self.follower.told(facts or the_facts())
        self.follower.opened()
        self.book()
        return self

    def book(self, sides: Sides = BOOK) -> None:
        shown = clob_frames.book_object(PAIR, UP, sides, self.clock.ns, 10_000, 5 * E6, "")
        self.follower.hear(json.dumps(clob_frames.book_event(shown)))
        self.follower.settle()

    def printed(self, price_e6: int, shares: int, side: str = "SELL", token: str = UP, tx: str = "0x1") -> None:
        text = clob_frames.last_trade_price(PAIR, token, price_e6, shares * E6, side, self.clock.ns, tx).decode()
        self.follower.hear(text)
        self.follower.settle()

    def rest(self, order_id: str, shares: int, cents: int) -> None:
        self.house.admit(ME.address, ME)
        new = NewOrder(order_id, ME.address, UP, "BUY", shares * cents * 10_000, shares * E6, "GTC", True)
        result = self.engine.submit(new, self.clock.ns)
        assert isinstance(result, Placed), result
        self.house.flush(durable=True)

    def buy(self, order_id: str, shares: int, cents: int) -> dict[str, Any]:
        wire = WireOrder(
            order_id=order_id,
            digest=b"",
            struct_hash=b"",
            domain=b"",
            maker=ME.address,
            signer=ME.address,
            token_id=UP,
            maker_e6=shares * cents * 10_000,
            taker_e6=shares * E6,
            side="BUY",
            signature_type=0,
            signature=b"",
            expiration_s=0,
            order_type="FAK",
            post_only=False,
            owner=ME.api_key,
        )
        return asyncio.run(self.desk.place(wire, ME))

    def filled(self, order_id: str) -> int:
        order = self.engine.order(order_id)
        assert order is not None
        return order.filled_e6 // E6


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    made = Mirror(tmp_path).begin()
    yield made
    made.store.close()


def test_a_taker_fills_at_what_is_visible_after_its_delay(mirror: Mirror) -> None:
    mirror.follow()
    mirror.meanwhile = lambda: mirror.book(Sides(BOOK.bids, ((510_000, 10 * E6), (520_000, 100 * E6))))
    answer = mirror.buy("0xa", 30, 51)
    assert (answer["status"], answer["takingAmount"], answer["makingAmount"]) == ("matched", "10", "5.1")


def test_what_is_not_known_is_refused_with_the_reason_and_not_taken(mirror: Mirror) -> None:
    mirror.follow()
    mirror.mono += 3
    with pytest.raises(BookUnknown, match=r"Trading is currently disabled: nothing was heard of it for 3\.0 s"):
        mirror.buy("0xa", 10, 51)
    assert mirror.engine.order("0xa") is None
    mirror.book()
    assert mirror.buy("0xa", 10, 51)["takingAmount"] == "10", "the same order, once the book is known again"


def test_a_book_lost_during_the_delay_fills_nothing(mirror: Mirror) -> None:
    mirror.follow()
    mirror.meanwhile = lambda: mirror.follower.closed("gone")
    with pytest.raises(BadOrder, match=r"order match delayed due to market conditions: .* closed: gone"):
        mirror.buy("0xa", 10, 51)
    order = mirror.engine.order("0xa")
    assert order is not None and order.filled_e6 == 0 and order.status.startswith("CANCELED")


def test_rest_and_channel_say_nothing_of_a_book_that_is_not_known(mirror: Mirror) -> None:
    mirror.follow()
    assert mirror.house.teller.book_event(UP) is not None
    mirror.follower.closed("gone")
    assert mirror.house.teller.book_event(UP) is None
    assert "gone" in mirror.house.unknown(UP)


def test_a_print_fills_what_rests_once_though_both_tokens_tell_it(mirror: Mirror) -> None:
    mirror.follow()
    mirror.rest("0xr", 10, 50)
    mirror.printed(500_000, 4)
    mirror.printed(500_000, 4, side="BUY", token=DOWN)
    assert mirror.filled("0xr") == 4
    mirror.printed(500_000, 4, tx="0x2")
    assert mirror.filled("0xr") == 8
    assert mirror.house.teller.last_trade(UP) == (500_000, "SELL")


def test_a_print_while_the_book_is_lost_fills_nothing(mirror: Mirror) -> None:
    mirror.follow()
    mirror.rest("0xr", 10, 50)
    mirror.follower.closed("gone")
    mirror.follower.opened()
    mirror.printed(500_000, 4)
    assert mirror.filled("0xr") == 0


def test_a_snapshot_after_a_trade_is_no_gap(mirror: Mirror) -> None:
    mirror.follow()
    mirror.rest("0xr", 10, 49)
    mirror.printed(490_000, 30)
    assert mirror.engine.ahead_e6("0xr") == 20 * E6
    mirror.book()
    assert mirror.engine.ahead_e6("0xr") == 20 * E6
    mirror.follower.closed("gone")
    mirror.follower.opened()
    mirror.book()
    assert mirror.engine.ahead_e6("0xr") == 50 * E6, "after a gap all that stands there is before us"


def test_the_real_grid_is_followed(mirror: Mirror) -> None:
    mirror.follow()
    mirror.follower.hear(clob_frames.tick_size_change(PAIR, UP, 10_000, 1_000, mirror.clock.ns).decode())
    market = mirror.engine.market(CID)
    assert market is not None and market.tick_e6 == 1_000
    mirror.follower.told(the_facts())
    market = mirror.engine.market(CID)
    assert market is not None and market.tick_e6 == 1_000, "Gamma's copy is older"


@pytest.mark.parametrize(
    ("why", "clob", "changed"),
    [
        ("fee schedule is unknown", {"fd": {"r": 0.05, "e": 1, "to": True}}, {}),
        ("makers pay fees", {"fd": {"r": 0.07, "e": 1, "to": False}}, {"feeSchedule": None}),
        ("neg-risk", {}, {"negRisk": True}),
        ("order version 'v2'", {"v": "v2"}, {}),
    ],
)
def test_a_market_whose_money_rules_are_not_known_takes_no_orders(
    mirror: Mirror, why: str, clob: dict[str, Any], changed: dict[str, Any]
) -> None:
    mirror.follow(the_facts(clob, **changed))
    with pytest.raises(BookUnknown, match=why):
        mirror.buy("0xa", 10, 51)


def test_a_closed_book_at_the_real_venue_is_closed_here(mirror: Mirror) -> None:
    mirror.follow()
    mirror.follower.told(the_facts({"ao": False}))
    with pytest.raises(BadOrder, match="not yet ready"):
        mirror.buy("0xa", 10, 51)


def test_the_channel_announces_and_gamma_has_the_final_word(mirror: Mirror) -> None:
    mirror.follow()
    mirror.buy("0xa", 10, 51)
    mirror.follower.hear(clob_frames.market_resolved("1", PAIR, UP, "Up", mirror.clock.ns).decode())
    market = mirror.engine.market(CID)
    assert market is not None and (market.winner, market.is_final) == ("UP", False)
    assert SLUG in mirror.follower.wanted(), "until Gamma has said it too"
    cash = mirror.engine.account_balance(ME.address)
    mirror.follower.told(the_facts(closed=True, outcomePrices='["0", "1"]'))
    assert (market.winner, market.is_final) == ("DOWN", True)
    assert mirror.engine.account_balance(ME.address) == cash - 10 * E6
    mirror.clock.ns += 600 * SECOND
    assert mirror.follower.followed == {} and SLUG not in mirror.follower.wanted()
    assert mirror.engine.total_e6() == mirror.engine.granted_e6()


def test_gamma_shows_the_real_object_without_the_label_of_made_up_books(mirror: Mirror) -> None:
    mirror.follow()
    listing = mirror.catalogue.listing(SLUG)
    market = mirror.house.market(CID)
    assert listing is not None and market is not None
    shown = gamma_objects.market_object(listing, mirror.house.gamma_now(market))
    assert "polybotSyntheticBooks" not in shown
    assert (shown["bestBid"], shown["bestAsk"], shown["conditionId"]) == (0.49, 0.51, CID)
    made_up = the_facts(polybotSyntheticBooks=True).listing
    assert gamma_objects.market_object(made_up, gamma_objects.Now(10_000))["polybotSyntheticBooks"] is True, (
        "a stand-in is no evidence"
    )


def test_a_killed_mirror_remembers_what_was_taken_and_whose_it_is(mirror: Mirror) -> None:
    mirror.follow()
    mirror.buy("0xa", 30, 51)
    mirror.store.close()
    mirror.begin()
    assert "not followed" in mirror.house.unknown(UP)
    mirror.follow()
    assert mirror.engine.levels(UP)[1][0] == (510_000, 10 * E6)
    assert mirror.engine.account_balance(ME.address, UP) == 30 * E6


def test_a_stalled_channel_is_opened_anew(mirror: Mirror) -> None:
    mirror.follow()
    mirror.mono += 10
    (due,) = mirror.follower.to_check()
    moved = clob_frames.book_object(PAIR, UP, Sides(BOOK.bids, ()), mirror.clock.ns + SECOND, 10_000, 5 * E6, "")
    mirror.follower.checked(due, moved, mirror.mono)
    mirror.follower.checked(due, moved, mirror.mono)
    assert mirror.reopened == ["the real book changes and the market channel does not say so"]
    assert mirror.follower.to_check() == []


def test_the_running_window_is_worth_a_new_connection_and_others_a_new_subscription(mirror: Mirror) -> None:
    again: list[Pair] = []
    mirror.follower.again = again.append
    mirror.follower.told(the_facts())
    mirror.follower.opened()
    mirror.clock.ns = (START_S - 100) * SECOND
    mirror.mono += 6
    mirror.follower.watch()
    assert (again, mirror.reopened) == ([PAIR], [])
    mirror.clock.ns = (START_S + 100) * SECOND
    mirror.mono += 6
    mirror.follower.watch()
    assert mirror.reopened == [f"{SLUG} did not come back"]
