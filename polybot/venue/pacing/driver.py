"""Steps the world up to world time, in its order: prints, exchange trades, quotes, takers, chain, resolutions, payouts.

Thinning, at speeds where the machine could not keep up with every event (counted in waits.json):
  quotes   of the window that runs: at most QUOTES_PER_S updates a machine second; of other open windows IDLE_QUOTES_PER_S;
           always fresh at decision instants (see `freshen`) and before a taker of ours is matched
  crowd    one anonymous taker between two quote updates of a market at most, the last
  trades   of Binance: the last one of each world second once SPARSE_SPEED is passed; klines keep them all
  depth    and unfinished klines: at most STREAMS_PER_S a machine second; a kline's close always; 24 hours: TICKERS_PER_S
Oracle prints, resolutions and the chain are never thinned.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from polybot.core.market.windows import WINDOW_S, slug_of
from polybot.sim.world.world import ExchangeTrade, Ladder, OraclePrint, TakerOrder, Winner, World, WorldMarket
from polybot.venue.accounts.catalogue import LISTED_AHEAD_S, WorldCatalogue
from polybot.venue.accounts.engine_service import House, market_from
from polybot.venue.channels.binance import BinanceHub
from polybot.venue.channels.oracle_wires import PriceWires
from polybot.venue.faults.engine import FaultEngine
from polybot.venue.wire import binance_frames
from polybot.venue.wire.binance_frames import WireBars

NS = 1_000_000_000
QUOTES_PER_S = 40.0
IDLE_QUOTES_PER_S = 12.0  # a book counts as stale after 0.15 s of machine time
NATURAL_QUOTE_S = 0.25  # world seconds between two repricings when nothing is thinned, of the window that runs …
IDLE_QUOTE_S = 1.0  # … and of the others
STREAMS_PER_S = 20.0
TICKERS_PER_S = 2.0
SPARSE_SPEED = 20.0
REPRINT_S = 30  # more than a lookahead at any speed
AHEAD = 2  # windows after the running one that have a live book
FINE_TICK_E6 = 1_000
CENT_E6, DOLLAR_E6 = 10_000, 1_000_000


@dataclass
class OpenWindow:
    """A window with a live book, and up to when its quotes and its crowd have been played."""

    market: WorldMarket
    resolves_ns: int
    quoted_ns: int
    crowd_ns: int


@dataclass
class Thinned:
    """How much the thinning above has left out."""

    quotes: int = 0
    takers: int = 0
    trades: int = 0


@dataclass
class Driver:
    """`at_ns` is how far the world has been stepped. on_open is told of each window when its book comes alive."""

    house: House
    catalogue: WorldCatalogue
    bars: WireBars
    wires: PriceWires
    streams: BinanceHub
    speed: float
    at_ns: int
    faults: FaultEngine
    on_open: Callable[[WorldMarket], None] = lambda _market: None
    windows: dict[int, OpenWindow] = field(default_factory=dict)
    thinned: Thinned = field(default_factory=Thinned)
    depth_ns: int = 0
    kline_ns: int = 0
    ticker_ns: int = 0
    minute_s: int = 0
    done_s: int = 0
    listed_s: int = 0
    corrections: dict[str, tuple[int, Winner]] = field(default_factory=dict)

    @property
    def world(self) -> World:
        """The world that is stepped: a synthetic one, or a tape."""
        return self.catalogue.world

    # --- beginning

    def begin(self, history_s: int = 3 * 3600) -> None:
        """Fill the bars with what was before, and catch up with what was missed while the venue was down."""
        now_s = self.at_ns // NS
        for k in self.world.klines(1, now_s - history_s, now_s + 1, self.at_ns):
            self.bars.put(k.start_s, k.open, k.high, k.low, k.close, k.volume, k.trades)
        self.minute_s = now_s // 60 * 60
        for market in self.house.unresolved():
            self._open(market.start_s)
        for market in self.house.announced():
            found = self.world.market(market.slug)
            assert found is not None, "an announced market the world has never heard of"
            self.corrections[market.condition_id] = (self.at_ns, self.world.outcome(found))
        self._resolve(self.at_ns)
        self._open_windows(self.at_ns)
        self.house.flush(durable=True)

    # --- stepping

    def step(self, to_ns: int) -> None:
        """Let everything happen up to and including world time to_ns."""
        if to_ns <= self.at_ns:
            return
        from_ns, self.at_ns = self.at_ns, to_ns
        self._open_windows(to_ns)
        for printed in self.world.prints(from_ns, to_ns):
            self._print(printed)
        self._binance(from_ns, to_ns)
        self.house.engine.due(to_ns)
        self._break(to_ns)
        for window in list(self.windows.values()):
            self._trade_window(window, to_ns)
        self._resolve(to_ns)
        for carry_on in self.house.on_step:
            carry_on(to_ns)
        self.house.flush()

    def reprint(self) -> None:
        """After a restart: the last prints once more, for those whose sockets died with us. A settlement print may be
        among them, and hearers know a print by its second."""
        for printed in self.world.prints(self.at_ns - REPRINT_S * NS, self.at_ns):
            self._print(printed)

    def _open_windows(self, now_ns: int) -> None:
        first = now_ns // NS // WINDOW_S * WINDOW_S
        for start_s in range(first, first + (AHEAD + 1) * WINDOW_S, WINDOW_S):
            if start_s not in self.windows and start_s >= self.done_s:
                self._open(start_s)
        self._announce(first + LISTED_AHEAD_S)

    def _announce(self, listed_s: int) -> None:
        """Windows listed since we last looked: a day ahead, one every five minutes."""
        for start_s in range(self.listed_s + WINDOW_S, listed_s + 1, WINDOW_S) if self.listed_s else ():
            listing = self.catalogue.listing(slug_of(start_s))
            if listing is not None:
                self.house.teller.tell_listed(listing)
        self.listed_s = max(self.listed_s, listed_s)

    def _open(self, start_s: int) -> None:
        """A book comes alive, or back to life after a restart."""
        found = self.catalogue.find(slug_of(start_s))
        if found is None:
            return
        listing, market = found
        known = self.house.engine.market(listing.condition_id)
        if known is not None and known.winner is not None:
            return
        self.house.engine.list_market(market_from(listing, self.house.engine.switches.taker_delay_ms))
        window = self.windows[start_s] = OpenWindow(market, self.world.resolved_ns(market), self.at_ns, self.at_ns)
        self._quote(window, self.at_ns)
        self.house.flush()
        self.house.teller.publish_books(listing.condition_id)
        self.on_open(market)

    def _print(self, printed: OraclePrint) -> None:
        if self.faults.on("oracle_gap") is None:
            self.wires.oracle(printed)

    # --- the exchange (Binance)

    def _binance(self, from_ns: int, to_ns: int) -> None:
        sparse, waiting = self.speed > SPARSE_SPEED, None
        for trade in self.world.trades(from_ns, to_ns):
            self._close_minutes(trade.traded_ns)
            self._close_second(trade.traded_ns)
            self.bars.trade(trade.traded_ns // 1_000_000, trade.price, trade.size, trade.trade_id)
            if sparse and waiting is not None:
                if waiting.traded_ns // NS == trade.traded_ns // NS:
                    self.thinned.trades += 1
                else:
                    self._trade_frame(waiting)
            elif not sparse:
                self._trade_frame(trade)
            waiting = trade
        if sparse and waiting is not None:
            self._trade_frame(waiting)
        self._close_minutes(to_ns)
        self._close_second(to_ns)
        if to_ns - self.depth_ns >= self._period_ns(0.1, STREAMS_PER_S):
            self.depth_ns = to_ns
            self._depth_frame(to_ns)
        if to_ns - self.kline_ns >= self._period_ns(2.0, STREAMS_PER_S):
            self.kline_ns = to_ns
            self._kline_frame(self.minute_s, to_ns, closed=False)

        if to_ns - self.ticker_ns >= self._period_ns(1.0, TICKERS_PER_S):
            self.ticker_ns = to_ns
            self._ticker_frame(to_ns)

    def _ticker_frame(self, at_ns: int) -> None:
        if self.streams.wanted("btcusdt@ticker") and (day := self.bars.day()) is not None:
            self.streams.publish("btcusdt@ticker", binance_frames.ticker_data(at_ns // 1_000_000, day))

    def _depth_frame(self, at_ns: int) -> None:
        if self.streams.wanted("btcusdt@depth20@100ms"):
            book = self.world.depth(at_ns)
            if book is not None:
                data = binance_frames.depth_data(at_ns // 1_000_000, book.bids, book.asks)
                self.streams.publish("btcusdt@depth20@100ms", data)

    def _trade_frame(self, trade: ExchangeTrade) -> None:
        if self.streams.wanted("btcusdt@trade"):
            at_ms = trade.traded_ns // 1_000_000
            self.streams.publish(
                "btcusdt@trade",
                binance_frames.trade_data(at_ms, at_ms, trade.price, trade.size, trade.trade_id, trade.is_sell),
            )

    def _close_second(self, now_ns: int) -> None:
        """The exchange's last price, as the newest second began."""
        if self.bars.price:
            self.wires.exchange(now_ns // NS, self.bars.price)

    def _close_minutes(self, now_ns: int) -> None:
        while now_ns // NS >= self.minute_s + 60:
            self._kline_frame(self.minute_s, (self.minute_s + 60) * NS, closed=True)
            self.minute_s += 60

    def _kline_frame(self, start_s: int, at_ns: int, closed: bool) -> None:
        if self.streams.wanted("btcusdt@kline_1m"):
            bar = self.bars.bar(start_s, 60)
            if bar is not None:
                self.streams.publish(
                    "btcusdt@kline_1m", binance_frames.kline_data(at_ns // 1_000_000, start_s, "1m", bar, closed)
                )

    def _period_ns(self, natural_s: float, per_machine_s: float) -> int:
        """World time between two of a kind: its own rhythm, or what the machine can take."""
        return int(max(natural_s, self.speed / per_machine_s) * NS)

    # --- our own markets

    def _trade_window(self, window: OpenWindow, to_ns: int) -> None:
        running = window.market.start_s * NS <= to_ns < window.market.end_s * NS
        natural_s, most = (NATURAL_QUOTE_S, QUOTES_PER_S) if running else (IDLE_QUOTE_S, IDLE_QUOTES_PER_S)
        period = self._period_ns(natural_s, most)
        if to_ns - window.quoted_ns < period:
            return
        self.thinned.quotes += max(0, int((to_ns - window.quoted_ns) / NS / natural_s) - 1)
        self._quote(window, to_ns)
        crowd = self.world.taker_flow(window.market, window.crowd_ns, to_ns)
        window.crowd_ns = to_ns
        kept = crowd[-1:] if self.speed > SPARSE_SPEED else crowd
        self.thinned.takers += len(crowd) - len(kept)
        for taker in kept:
            self._take(window.market, taker, to_ns)

    def _quote(self, window: OpenWindow, at_ns: int) -> None:
        window.quoted_ns = at_ns
        cid = window.market.condition_id
        known = self.house.engine.market(cid)
        ladder = None if known is None else self.world.quotes(window.market, at_ns, known.tick_e6)
        wide = self.faults.on("wide_book")
        if ladder is not None and wide is not None:
            ladder = widened(ladder, round(wide[0].wider_usd * 1_000_000))
        if ladder is not None:
            self.house.engine.set_levels(cid, ladder.bids, ladder.asks, at_ns)

    def _take(self, market: WorldMarket, taker: TakerOrder, at_ns: int) -> None:
        token = market.up_token if taker.outcome == "UP" else market.down_token
        self.house.engine.take(market.condition_id, token, taker.side, taker.size_e6, taker.limit_e6, at_ns)

    def freshen(self, start_s: int) -> None:
        """Quotes of a window as of now, as full books to whoever listens: a decision is about to be made on them."""
        window = self.windows.get(start_s)
        if window is not None:
            self._quote(window, self.at_ns)
            self.house.flush()
            self.house.teller.publish_books(window.market.condition_id)

    def requote(self, token: str) -> None:
        """The makers look once more before a taker of ours is matched."""
        market = self.house.engine.market_of(token)
        window = self.windows.get(market.start_s) if market is not None else None
        if window is not None:
            self._quote(window, self.at_ns)

    # --- ends, and what goes wrong by script

    def _resolve(self, now_ns: int) -> None:
        due = [(self._resolves_ns(w), start_s) for start_s, w in self.windows.items() if w.resolves_ns <= now_ns]
        for at_ns, start_s in sorted(d for d in due if d[0] <= now_ns):
            market = self.windows.pop(start_s).market
            winner = self.world.outcome(market)
            wrong = self.faults.of_window("resolution_wrong", start_s)
            if wrong is None:
                self.house.engine.resolve(market.condition_id, winner, at_ns)
            else:
                said: Winner = "DOWN" if winner == "UP" else "UP"
                self.house.engine.resolve(market.condition_id, said, at_ns, is_final=False)
                self.corrections[market.condition_id] = (at_ns + int(wrong.correct_after_s * NS), winner)
            self.done_s = max(self.done_s, start_s + WINDOW_S)
            self.house.flush(durable=True)
        for condition_id, (at_ns, winner) in list(self.corrections.items()):
            if at_ns <= now_ns:
                del self.corrections[condition_id]
                self.house.engine.correct(condition_id, winner, at_ns)
                self.house.flush(durable=True)

    def _resolves_ns(self, window: OpenWindow) -> int:
        late = self.faults.of_window("resolution_late", window.market.start_s)
        return window.resolves_ns + (int(late.delay_s * NS) if late is not None else 0)

    def _break(self, now_ns: int) -> None:
        """Faults that strike the venue's engine itself, each once as it comes on."""
        if self.faults.once("tick_change") is not None:
            running = self.windows.get(now_ns // NS // WINDOW_S * WINDOW_S)
            if running is not None:
                self.house.engine.set_tick(running.market.condition_id, FINE_TICK_E6, now_ns)
        goodbye = self.faults.once("ws_goodbye")
        if goodbye is not None:
            wait_s = self.faults.machine_s(goodbye, goodbye.delay_s)
            for connection in self.streams.goodbye(now_ns // 1_000_000):
                asyncio.get_running_loop().call_later(wait_s, connection.close_after, 1001, "server shutdown")
        leaving = self.faults.once("withdrawal")
        if leaving is not None:
            for wallet in self.house.wallets():
                self.house.withdraw(wallet, round(leaving.usd * 1_000_000))
        if self.faults.once("restart") is not None and not self.house.engine.switches.orders_survive_restart:
            self.house.wiped += self.house.engine.wipe(now_ns)


def widened(ladder: Ladder, by_e6: int) -> Ladder:
    """Every level further from the middle by half of by_e6, in whole cents; what would leave the grid is gone."""
    half = by_e6 // 2 // CENT_E6 * CENT_E6
    bids = tuple((price - half, size) for price, size in ladder.bids if price - half >= CENT_E6)
    asks = tuple((price + half, size) for price, size in ladder.asks if price + half <= DOLLAR_E6 - CENT_E6)
    return ladder._replace(bids=bids, asks=asks)
