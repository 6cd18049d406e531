"""The driver over a small world of our own: order of things, thinning, resolution, ties, catching up."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from polybot.sim.venue import Market, NewOrder, Placed
from polybot.sim.world.world import (
    DepthBook,
    ExchangeTrade,
    Kline,
    Ladder,
    OraclePrint,
    TakerOrder,
    Winner,
    WorldMarket,
    by_rule,
)
from polybot.venue.accounts.api_keys import IssuedKey, Keys
from polybot.venue.accounts.catalogue import WorldCatalogue
from polybot.venue.accounts.engine_service import House
from polybot.venue.accounts.store import VenueStore
from polybot.venue.channels.binance import BinanceHub
from polybot.venue.channels.oracle_wires import PriceWires
from polybot.venue.channels.polybolt import PolyBolt
from polybot.venue.channels.rtds import Rtds
from polybot.venue.faults.engine import FaultEngine
from polybot.venue.faults.script import read_script
from polybot.venue.pacing.driver import Driver, widened
from polybot.venue.wire.binance_frames import WireBars

START_S = 1_795_132_800
NS = 1_000_000_000
STRIKE = 64_000 * 10**18
WALLET = "0x" + "ab" * 20


@dataclass
class SmallWorld:
    """Flat prices; window k's end print is the strike plus moves[k]."""

    label: str = "a test's world"
    first_start_s: int = START_S
    moves: dict[int, int] = field(default_factory=dict)
    resolves_after_s: int = 20

    def market(self, slug: str) -> WorldMarket | None:
        start = int(slug.rpartition("-")[2])
        up, down = str(10**70 + start), str(2 * 10**70 + start)
        return WorldMarket(slug, str(start), f"0x{start:064x}", up, down, start, start + 300, "twap60")

    def markets(self, from_s: int, to_s: int) -> list[WorldMarket]:
        slugs = (f"btc-updown-5m-{s}" for s in range(-(-from_s // 300) * 300, to_s, 300))
        return [m for slug in slugs if (m := self.market(slug)) is not None]

    def value(self, second: int) -> int:
        return STRIKE + sum(move for start, move in self.moves.items() if second >= start + 300)

    def spot_print(self, second: int) -> OraclePrint | None:
        return OraclePrint("spot", second, self.value(second), (second + 1) * NS, (second + 2) * NS)

    def twap_print(self, second: int) -> OraclePrint | None:
        return OraclePrint("twap60", second, self.value(second), (second + 1) * NS, (second + 2) * NS)

    def prints(self, after_ns: int, upto_ns: int) -> list[OraclePrint]:
        seconds = range(after_ns // NS - 2, upto_ns // NS + 1)
        found = [p for s in seconds if (p := self.twap_print(s)) is not None]
        return [p for p in found if after_ns < p.received_ns <= upto_ns]

    def trades(self, after_ns: int, upto_ns: int) -> list[ExchangeTrade]:
        times = range(after_ns // (NS // 2) + 1, upto_ns // (NS // 2) + 1)
        return [ExchangeTrade(t, 64_000.0 + t % 7, 0.5, t * NS // 2, False) for t in times]

    def klines(self, interval_s: int, from_s: int, to_s: int, upto_ns: int) -> list[Kline]:
        return [Kline(s, 1.0, 1.0, 1.0, 1.0, 1.0, 1) for s in range(from_s, to_s, interval_s)]

    def depth(self, t_ns: int) -> DepthBook | None:
        return DepthBook(((1.0, 1.0),), ((2.0, 1.0),))

    def quotes(self, market: WorldMarket, t_ns: int, tick_e6: int) -> Ladder | None:
        return Ladder(((500_000, 100_000_000),), ((510_000, 100_000_000),), 0.5, False)

    def taker_flow(self, market: WorldMarket, after_ns: int, upto_ns: int) -> list[TakerOrder]:
        seconds = range(after_ns // NS + 1, upto_ns // NS + 1)
        return [TakerOrder(s * NS, "UP", "BUY", 1_000_000, 600_000, False) for s in seconds]

    def strike_e18(self, market: WorldMarket) -> int | None:
        return self.value(market.start_s)

    def end_e18(self, market: WorldMarket) -> int | None:
        return self.value(market.end_s)

    def outcome(self, market: WorldMarket) -> Winner:
        return by_rule(self.value(market.start_s), self.value(market.end_s))

    def resolved_ns(self, market: WorldMarket) -> int:
        return (market.end_s + self.resolves_after_s) * NS


@dataclass
class Table:
    """A driver without sockets. `now` is the clock of Gamma and REST: the driver's own instant."""

    driver: Driver
    house: House
    rtds: list[tuple[str, int]]
    streams: list[dict[str, Any]]


def a_table(
    folder: Path, world: SmallWorld | None = None, speed: float = 1.0, at_s: float = START_S, script: str = ""
) -> Table:
    world = world or SmallWorld()
    store = VenueStore(folder / "venue.sqlite", "s")
    now = {"ns": int(at_s * NS)}
    catalogue = WorldCatalogue(world, lambda: now["ns"])
    parsed = read_script(script)
    switches = replace(parsed.switches, payout_by_redeem=False)  # nobody sits here who would redeem
    house = House(store, Keys(b"k"), catalogue, lambda: now["ns"], 1_000_000_000, switches)
    house.restore()
    printed: list[tuple[str, int]] = []
    sent: list[dict[str, Any]] = []
    oracle = ("crypto_prices_chainlink", "crypto_prices_twap_sixty")

    class HeardRtds(Rtds):
        def publish(self, topic: str, observed_ms: int, *_: Any) -> None:
            if topic in oracle:
                printed.append((topic, observed_ms // 1000))

    class HeardStreams(BinanceHub):
        def wanted(self, stream: str) -> bool:
            return True

        def publish(self, stream: str, data: dict[str, Any]) -> None:
            sent.append({"stream": stream} | data)

    rtds, streams = HeardRtds(), HeardStreams()
    wires = PriceWires(rtds, PolyBolt(lambda *_: True, lambda _: True, lambda: 0.0))
    faults = FaultEngine(parsed, START_S, lambda: now["ns"], lambda: 0.0, speed)

    class Stepped(Driver):
        """Our clock goes with it."""

        def step(self, to_ns: int) -> None:
            now["ns"] = max(now["ns"], to_ns)
            super().step(to_ns)

    driver = Stepped(house, catalogue, WireBars(), wires, streams, speed, now["ns"], faults)
    driver.begin(history_s=60)
    return Table(driver, house, printed, sent)


def market_of(table: Table, condition_id: str) -> Market:
    market = table.house.engine.market(condition_id)
    assert market is not None
    return market


def run_to(table: Table, second: float, every_s: float = 1.0) -> None:
    while table.driver.at_ns < int(second * NS):
        table.driver.step(min(int(second * NS), table.driver.at_ns + int(every_s * NS)))


def bought(table: Table, start_s: int, shares_e6: int = 10_000_000) -> str:
    """A fill of Up at 0.51; the market's condition id."""
    market = table.house.engine.market(f"0x{start_s:064x}")
    assert market is not None
    table.house.admit(WALLET, IssuedKey("k", "s", "p", WALLET, 0))
    order = NewOrder("0x1", WALLET, market.up_token, "BUY", shares_e6 * 51 // 100, shares_e6, "FAK")
    held = table.house.engine.submit(order, table.driver.at_ns)
    result = table.house.engine.release("0x1", table.driver.at_ns + 150_000_000)
    assert isinstance(result, Placed), (held, result)
    table.house.flush()
    return market.condition_id


def test_the_running_window_and_the_next_two_have_books(tmp_path: Path) -> None:
    table = a_table(tmp_path)
    assert sorted(table.driver.windows) == [START_S, START_S + 300, START_S + 600]
    run_to(table, START_S + 300, every_s=10)
    assert START_S + 900 in table.driver.windows
    assert table.house.market(f"0x{START_S + 1200:064x}") is not None, "listed"
    assert table.house.engine.market(f"0x{START_S + 1200:064x}") is None, "but without a book"


def test_every_print_is_published_once_whatever_the_step(tmp_path: Path) -> None:
    table = a_table(tmp_path, speed=300.0)
    for step in (0.3, 1.7, 12.0, 0.05, 30.0):
        table.driver.step(table.driver.at_ns + int(step * NS))
    seconds = [s for topic, s in table.rtds if topic == "crypto_prices_twap_sixty"]
    assert seconds == list(range(START_S - 1, table.driver.at_ns // NS - 1))


def test_a_tie_settles_up_and_pays_the_holder(tmp_path: Path) -> None:
    table = a_table(tmp_path)
    cid = bought(table, START_S)
    run_to(table, START_S + 319, every_s=30)
    assert market_of(table, cid).winner is None
    run_to(table, START_S + 320)
    assert market_of(table, cid).winner == "UP"
    fee = 174_930  # 10 × 0.07 × 0.51 × 0.49
    assert table.house.engine.account_balance(WALLET) == 1_000_000_000 - 5_100_000 - fee + 10_000_000


def test_one_unit_below_the_strike_settles_down(tmp_path: Path) -> None:
    table = a_table(tmp_path, SmallWorld(moves={START_S: -1}))
    cid = bought(table, START_S)
    run_to(table, START_S + 320, every_s=30)
    assert market_of(table, cid).winner == "DOWN"


def test_gamma_learns_the_outcome_at_resolution_and_not_before(tmp_path: Path) -> None:
    table = a_table(tmp_path)
    market = table.house.engine.market(f"0x{START_S:064x}")
    assert market is not None
    run_to(table, START_S + 319, every_s=30)
    assert table.house.gamma_now(market).winner is None
    run_to(table, START_S + 320)
    assert table.house.gamma_now(market).resolved_s == START_S + 320


def test_a_restarted_venue_resolves_what_it_missed(tmp_path: Path) -> None:
    first = a_table(tmp_path)
    cid = bought(first, START_S)
    first.house.store.close()
    second = a_table(tmp_path, at_s=START_S + 700)
    assert market_of(second, cid).winner == "UP"
    assert second.house.engine.account_balance(WALLET) > 1_000_000_000
    assert START_S not in second.driver.windows


def test_the_last_prints_are_said_again_after_a_restart(tmp_path: Path) -> None:
    table = a_table(tmp_path, at_s=START_S + 100)
    assert table.rtds == []
    table.driver.reprint()
    seconds = [second for _, second in table.rtds]
    assert seconds == list(range(START_S + 69, START_S + 99))


def test_nothing_is_thinned_at_speed_one(tmp_path: Path) -> None:
    table = a_table(tmp_path)
    run_to(table, START_S + 10, every_s=0.1)
    assert (table.driver.thinned.quotes, table.driver.thinned.takers, table.driver.thinned.trades) == (0, 0, 0)
    assert len([s for s in table.streams if s["stream"] == "btcusdt@trade"]) == 20


def test_a_fast_world_sends_the_last_trade_of_each_second_and_keeps_all_in_its_bars(tmp_path: Path) -> None:
    table = a_table(tmp_path, speed=300.0)
    run_to(table, START_S + 10, every_s=2.0)
    sent = [s["T"] for s in table.streams if s["stream"] == "btcusdt@trade"]
    assert len(sent) < 20
    assert table.driver.thinned.trades + len(sent) == 20
    bar = table.driver.bars.bar(START_S + 1, 5)
    assert bar is not None
    assert bar.n == 10
    last_of_second = [t for t in sent if t % 1000 == 500]
    assert {t // 1000 for t in last_of_second} >= set(range(START_S + 1, START_S + 9))


def test_a_minute_bar_is_always_closed_on_the_stream(tmp_path: Path) -> None:
    table = a_table(tmp_path, speed=300.0)
    run_to(table, START_S + 200, every_s=7.0)
    closed = [s["k"]["t"] // 1000 for s in table.streams if s["stream"] == "btcusdt@kline_1m" and s["k"]["x"]]
    assert closed == [START_S, START_S + 60, START_S + 120]


@pytest.mark.parametrize("speed", [1.0, 300.0])
def test_money_is_conserved_whatever_the_crowd_does(tmp_path: Path, speed: float) -> None:
    table = a_table(tmp_path, speed=speed)
    bought(table, START_S)
    run_to(table, START_S + 700, every_s=5.0)
    engine = table.house.engine
    assert engine.total_e6() == engine.granted_e6()


def test_slugs_from_beyond_tomorrow_are_not_listed(tmp_path: Path) -> None:
    table = a_table(tmp_path)
    day = 24 * 3600
    assert table.house.catalogue.listing(f"btc-updown-5m-{START_S + day}") is not None
    assert table.house.catalogue.listing(f"btc-updown-5m-{START_S + day + 300}") is None
    assert table.house.catalogue.listing("btc-updown-5m-17") is None


def test_rows_on_disk_are_readable_text(tmp_path: Path) -> None:
    table = a_table(tmp_path)
    bought(table, START_S)
    (order,) = list(table.house.store.all("order"))
    assert json.loads(order[1])["status"] == "MATCHED"


def test_a_delayed_resolution_comes_later_and_pays_the_same(tmp_path: Path) -> None:
    table = a_table(tmp_path, script="[[fault]]\nkind='resolution_late'\nwindow=1\ndelay_s=100")
    cid = bought(table, START_S)
    run_to(table, START_S + 419, every_s=30)
    assert market_of(table, cid).winner is None
    run_to(table, START_S + 420)
    assert market_of(table, cid).winner == "UP"
    run_to(table, START_S + 620, every_s=30)
    assert market_of(table, f"0x{START_S + 300:064x}").resolved_ns == (START_S + 620) * NS


def test_a_wrong_resolution_is_said_then_corrected_with_its_money(tmp_path: Path) -> None:
    table = a_table(tmp_path, script="[[fault]]\nkind='resolution_wrong'\nwindow=1\ncorrect_after_s=60")
    cid = bought(table, START_S)
    before = table.house.engine.account_balance(WALLET)
    run_to(table, START_S + 320, every_s=30)
    assert market_of(table, cid).winner == "DOWN"
    assert table.house.engine.account_balance(WALLET) == before
    run_to(table, START_S + 380, every_s=30)
    assert market_of(table, cid).winner == "UP"
    assert table.house.engine.account_balance(WALLET) == before + 10_000_000
    assert table.house.engine.total_e6() == table.house.engine.granted_e6()


def test_a_correction_survives_a_restart(tmp_path: Path) -> None:
    script = "[[fault]]\nkind='resolution_wrong'\nwindow=1\ncorrect_after_s=60"
    first = a_table(tmp_path, script=script)
    cid = bought(first, START_S)
    run_to(first, START_S + 330, every_s=30)
    first.house.store.close()
    second = a_table(tmp_path, at_s=START_S + 340, script=script)
    run_to(second, START_S + 341)
    assert market_of(second, cid).winner == "UP"
    assert second.house.engine.account_balance(WALLET) > 1_000_000_000


def test_in_a_gap_of_the_oracle_no_settlement_price_is_published(tmp_path: Path) -> None:
    table = a_table(tmp_path, script="[[fault]]\nkind='oracle_gap'\nwindow=1\nat_s=10\nfor_s=20")
    run_to(table, START_S + 60, every_s=0.5)
    seconds = [s - START_S for topic, s in table.rtds if topic == "crypto_prices_twap_sixty"]
    missing = sorted(set(range(0, 50)) - set(seconds))
    assert missing == list(range(missing[0], missing[0] + 20))


def test_the_tick_changes_under_an_order_that_rests(tmp_path: Path) -> None:
    table = a_table(tmp_path, script="[[fault]]\nkind='tick_change'\nwindow=1\nat_s=10")
    engine = table.house.engine
    market = engine.market(f"0x{START_S:064x}")
    assert market is not None
    table.house.admit(WALLET, IssuedKey("k", "s", "p", WALLET, 0))
    engine.submit(
        NewOrder("0x2", WALLET, market.up_token, "BUY", 2_000_000, 5_000_000, "GTC", True), table.driver.at_ns
    )
    run_to(table, START_S + 9)
    assert market.tick_e6 == 10_000
    run_to(table, START_S + 11)
    assert market.tick_e6 == 1_000
    order = engine.order("0x2")
    assert order is not None
    assert order.status == "LIVE"
    fine = NewOrder("0x3", WALLET, market.up_token, "BUY", 2_005_000, 5_000_000, "GTC", True)
    assert isinstance(engine.submit(fine, table.driver.at_ns), Placed)


@pytest.mark.parametrize("survive", [pytest.param(True, marks=pytest.mark.plays("orders_survive_restart")), False])
def test_resting_orders_survive_a_restart_of_the_engine_as_the_switch_says(tmp_path: Path, survive: bool) -> None:
    switch = f"[switches]\norders_survive_restart={str(survive).lower()}\n"
    table = a_table(tmp_path, script=switch + "[[fault]]\nkind='restart'\nwindow=1\nat_s=10")
    market = table.house.engine.market(f"0x{START_S:064x}")
    assert market is not None
    table.house.admit(WALLET, IssuedKey("k", "s", "p", WALLET, 0))
    rests = NewOrder("0x2", WALLET, market.up_token, "BUY", 2_000_000, 5_000_000, "GTC", True)
    table.house.engine.submit(rests, table.driver.at_ns)
    run_to(table, START_S + 11)
    order = table.house.engine.order("0x2")
    assert order is not None
    assert order.is_open == survive


def test_a_wide_book_is_wider_while_the_fault_is_on_and_as_before_after_it(tmp_path: Path) -> None:
    table = a_table(tmp_path, script="[[fault]]\nkind='wide_book'\nwindow=1\nfor_s=20\nwider_usd=0.2")
    cid = f"0x{START_S:064x}"
    for second, best in ((START_S + 10, (400_000, 610_000)), (START_S + 30, (500_000, 510_000))):
        run_to(table, second)
        assert table.house.engine.best(cid) == best


def test_what_would_leave_the_grid_is_gone_from_a_wide_book() -> None:
    ladder = Ladder(((30_000, 5),), ((960_000, 5), (980_000, 7)), 0.5, False)
    assert widened(ladder, 50_000)[:2] == (((10_000, 5),), ((980_000, 5),))
    assert widened(ladder, 100_000)[:2] == ((), ())
