"""The simulator's outside: a world and the venue's engine behind the same effect words that the wire's adapters answer.

Each world second it steps once: oracle prints at their time of arrival, exchange trades and closed minutes, makers'
ladders (each `quote_s`), takers, the chain, resolutions. Deterministic: the world is a function of its seed or tape.
"""

from collections.abc import Callable

import msgspec

from messages import (
    Book,
    Candle,
    Depth,
    FeeSchedule,
    Health,
    Level,
    MarketListed,
    MarketResolved,
    OraclePrice,
    PriceTick,
    Word,
)
from messages.inner import (
    CandlesFetched,
    ClockRead,
    DayHeard,
    FetchCandles,
    FetchDay,
    FetchMarket,
    FetchPrice,
    HeartbeatSent,
    MarketFetched,
    MoveGate,
    PostOrder,
    PriceFetched,
    ReadClock,
    Reconnect,
    SendHeartbeat,
    SignOrder,
    SourceChanged,
    SourceState,
    Subscribe,
    UserFact,
    WarmUp,
)
from polybot.adapters.polymarket.signing import OrderSigner, Wallet
from polybot.backtest.order_entry import Counter, OrderFates, new_order, post_result
from polybot.backtest.simulator import Simulator
from polybot.core.market.windows import EARLY_S, WINDOW_S, slug_of
from polybot.core.market_feed.clock_offset import proven_by_second
from polybot.sim.venue import Held, Market, Placed, Switches, VenueEngine
from polybot.sim.world.world import World, WorldMarket

S = 1_000_000_000
MS = 1_000_000
AHEAD = 2  # windows after the running one with a live book
WIRE_NS = 2 * MS  # one way to the venue and back, each
STREAM_NS = 30 * MS  # the exchange's trades arrive this much later
KEY = "22" * 32  # the simulator's throw-away key
SYMBOL = "btcusdt"
_SOURCES = {"price_feed": ("binance",), "market_feed": ("rtds", "market")}


class WorldOutside:
    """World, venue's engine, and one wallet with grant_e6. `listen` hears nothing it should not: the bot sees words only."""

    def __init__(
        self,
        world: World,
        grant_e6: int,
        quote_s: int = 1,
        faults: OrderFates | None = None,
        switches: Switches | None = None,
    ) -> None:
        self.world, self.engine, self.faults = world, VenueEngine(switches), faults
        self.signer = OrderSigner(Wallet(KEY), "sim")
        self.counter = Counter(self.engine, self.signer.maker)
        self._grant_e6, self._quote_s = grant_e6, quote_s
        self._gate = ""  # why the executor has shut it
        self._beats = 0
        self._open: dict[str, WorldMarket] = {}
        self._sim: Simulator
        self._answers: dict[type[Word], Callable[[str, Word, int], None]] = {
            FetchMarket: self._fetch_market,
            FetchCandles: self._fetch_candles,
            FetchPrice: self._fetch_price,
            FetchDay: self._fetch_day,
            PostOrder: self._post,
            SendHeartbeat: self._beat,
            ReadClock: self._clock,
        }

    def join(self, sim: Simulator) -> None:
        """Take the simulator that will turn this world, and grant the wallet its money."""
        self._sim = sim
        self.engine.grant(self.counter.wallet, self._grant_e6, sim.now_ns)

    def begin(self) -> None:
        """Step this second, and every following one from then on."""
        self._second(self._sim.now_ns // S * S)

    def connect(self, actor: str) -> None:
        """Tell this actor that its websockets are open, as after the start of its process."""
        for source in _SOURCES.get(actor, ()):
            self._tell(actor, SourceState(source=source, state="open", why="", received_ns=self._sim.wall_ns), WIRE_NS)
        if actor == "executor":
            self._gate = ""  # a new process, a new gate
            self._tell(actor, UserFact(kind="open"), WIRE_NS)

    def perform(self, actor: str, word: Word, now_ns: int) -> Word | None:
        """Carry out one effect; returns what the actor hears at once, None when the answer comes later or never."""
        match word:
            case SignOrder():
                return self.signer.sign(word)
            case Subscribe():
                for market in word.add:
                    self._say_book(market.slug)
                return None
            case Reconnect() | WarmUp() | SourceChanged():
                return None
            case MoveGate():
                self._gate = word.why
                return None
        answer = self._answers.get(type(word))
        if answer is not None:
            answer(actor, word, now_ns)
            return None
        self._sim.at(now_ns + WIRE_NS, lambda: self._read(actor, word))
        return None

    def _read(self, actor: str, word: Word) -> None:
        answer = self.counter.read(word, self._sim.now_ns)
        assert answer is not None, f"nobody outside carries out {type(word).__name__}"
        self._flush()
        self._tell(actor, answer, WIRE_NS)

    def _tell(self, actor: str, word: Word, delay_ns: int) -> None:
        if actor in self._sim.members:
            self._sim.deliver(actor, word, delay_ns)

    # --- the world's second

    def _second(self, at_ns: int) -> None:
        self._open_windows(at_ns)
        for window in list(self._open.values()):
            self._trade(window, at_ns)
        self._feeds(at_ns)
        self.engine.due(at_ns)
        self._resolve(at_ns)
        self._flush()
        self._tell("risk", Health(actors=(), mono_ns=int(self._sim.mono_s * S)), 0)  # the watchdog's heart
        self._sim.at(at_ns + S, lambda: self._second(at_ns + S))

    def _open_windows(self, at_ns: int) -> None:
        first = at_ns // S // WINDOW_S * WINDOW_S
        for start_s in range(first, first + (AHEAD + 1) * WINDOW_S, WINDOW_S):
            slug = slug_of(start_s)
            market = self.world.market(slug)
            if market is None or slug in self._open or self.engine.market(market.condition_id) is not None:
                continue
            self._open[slug] = market
            self.engine.list_market(
                Market(
                    condition_id=market.condition_id,
                    slug=slug,
                    up_token=market.up_token,
                    down_token=market.down_token,
                    start_s=market.start_s,
                    end_s=market.end_s,
                    fee_rate_e6=market.fee_rate_e6,
                    fee_exponent=market.fee_exponent,
                    taker_delay_ns=self.engine.switches.taker_delay_ms * MS,
                )
            )

    def _trade(self, market: WorldMarket, at_ns: int) -> None:
        if at_ns // S % self._quote_s:
            return
        known = self.engine.market(market.condition_id)
        ladder = self.world.quotes(market, at_ns, known.tick_e6) if known else None
        if ladder is not None:
            self.engine.set_levels(market.condition_id, ladder.bids, ladder.asks, at_ns)
        for taker in self.world.taker_flow(market, at_ns - self._quote_s * S, at_ns):
            token = market.up_token if taker.outcome == "UP" else market.down_token
            self.engine.take(market.condition_id, token, taker.side, taker.size_e6, taker.limit_e6, at_ns)
        if market.start_s - EARLY_S <= at_ns // S < market.end_s:
            self._say_book(market.slug)

    def _say_book(self, slug: str) -> None:
        market = self._open.get(slug)
        if market is None:
            return
        now_ns = self._sim.now_ns
        up, down = (self.engine.levels(t) for t in (market.up_token, market.down_token))
        top: list[tuple[Level, ...]] = [side[:5] for side in (*up, *down)]
        book = Book(
            slug=slug,
            condition_id=market.condition_id,
            up_bids=top[0],
            up_asks=top[1],
            down_bids=top[2],
            down_asks=top[3],
            venue_ns=now_ns,
            received_ns=self._sim.wall_ns + WIRE_NS,
        )
        self._tell("market_feed", book, WIRE_NS)

    def _feeds(self, at_ns: int) -> None:
        for p in self.world.prints(at_ns - S, at_ns):
            price = OraclePrice(
                symbol="btc/usd",
                feed=p.feed,
                price=p.value_e18 / 10**18,
                value_e18=str(p.value_e18),
                observed_ns=p.observed_s * S,
                received_ns=self._sim.wall_ns,
                source="rtds",
            )
            self._tell("market_feed", price, 0)
        for t in self.world.trades(at_ns - S, at_ns):
            tick = PriceTick(
                symbol=SYMBOL,
                price=t.price,
                size=t.size,
                trade_id=t.trade_id,
                traded_ns=t.traded_ns,
                source="binance",
            )
            self._tell("price_feed", tick, STREAM_NS)
        depth = self.world.depth(at_ns)
        if depth is not None:
            sizes = [sum(size for _, size in side) for side in (depth.bids, depth.asks)]
            word = Depth(symbol=SYMBOL, bid_size=sizes[0], ask_size=sizes[1], received_ns=self._sim.wall_ns)
            self._tell("price_feed", word, STREAM_NS)
        if at_ns // S % 60 == 0:
            self._minute(at_ns)

    def _minute(self, at_ns: int) -> None:
        end_s = at_ns // S
        for k in self.world.klines(60, end_s - 60, end_s, at_ns):
            candle = Candle(
                symbol=SYMBOL,
                interval_s=60,
                start_ns=k.start_s * S,
                open=k.open,
                high=k.high,
                low=k.low,
                close=k.close,
                volume=k.volume,
                traded=k.trades > 0,
                source="binance",
            )
            self._tell("price_feed", candle, STREAM_NS)

    def _resolve(self, at_ns: int) -> None:
        for slug, market in list(self._open.items()):
            if self.world.resolved_ns(market) <= at_ns:
                del self._open[slug]
                winner = self.world.outcome(market)
                self.engine.resolve(market.condition_id, winner, at_ns)
                word = MarketResolved(
                    slug=slug,
                    condition_id=market.condition_id,
                    winner=winner,
                    resolved_ns=at_ns,
                    source="market",
                )
                self._tell("market_feed", word, WIRE_NS)

    def _flush(self) -> None:
        for fact in self.counter.facts(self.engine.take_events()):
            self._tell("executor", fact, WIRE_NS)
        self.engine.take_changed_rows()

    # --- effects that take longer than a read

    def _fetch_market(self, actor: str, word: Word, now_ns: int) -> None:
        assert isinstance(word, FetchMarket)
        market = self.world.market(word.slug)
        if market is not None:
            known = self.engine.market(market.condition_id)
            self._tell(actor, self._listed(market, known.tick_e6 if known else 10_000), WIRE_NS)
            if known is not None and known.winner is not None:
                word_ = MarketResolved(
                    slug=word.slug,
                    condition_id=market.condition_id,
                    winner=known.winner,
                    resolved_ns=known.resolved_ns,
                    source="gamma",
                )
                self._tell(actor, word_, WIRE_NS)
        self._tell(actor, MarketFetched(slug=word.slug, known=True, gamma="", clob="", why=""), WIRE_NS)

    @staticmethod
    def _listed(market: WorldMarket, tick_e6: int) -> MarketListed:
        return MarketListed(
            slug=market.slug,
            condition_id=market.condition_id,
            up_token=market.up_token,
            down_token=market.down_token,
            start_s=market.start_s,
            end_s=market.end_s,
            tick_e6=tick_e6,
            min_size_e6=market.min_size_e6,
            fee=FeeSchedule(rate_e6=market.fee_rate_e6, exponent=market.fee_exponent, taker_only=True),
            neg_risk=False,
            rule=market.rule,
            rule_why="",
            synthetic_books=True,
        )

    def _fetch_candles(self, actor: str, word: Word, now_ns: int) -> None:
        assert isinstance(word, FetchCandles)
        interval_s = 1 if word.interval == "1s" else 60
        bars = self.world.klines(interval_s, word.start_ns // S, -(-word.end_ns // S), now_ns)
        rows = tuple((k.start_s * S, k.open, k.high, k.low, k.close, k.volume, k.trades) for k in bars)
        answer = CandlesFetched(
            symbol=word.symbol,
            interval=word.interval,
            start_ns=word.start_ns,
            end_ns=word.end_ns,
            known=True,
            rows=rows,
            why="",
        )
        self._tell(actor, answer, WIRE_NS)

    def _clock(self, actor: str, word: Word, now_ns: int) -> None:
        """Theirs is the true one, and shows whole seconds; a time server is not there."""
        assert isinstance(word, ReadClock)
        sent_ns, second = self._sim.wall_ns, (now_ns + WIRE_NS) // S
        doubt = proven_by_second(sent_ns, sent_ns + 2 * WIRE_NS, second)
        is_venue = word.source == "venue"
        answer = ClockRead(
            source=word.source,
            n=word.n,
            known=is_venue,
            least_ns=doubt.least_ns,
            most_ns=doubt.most_ns,
            took_ms=2 * WIRE_NS / MS,
            why="" if is_venue else "no time server is named",
        )
        self._tell(actor, answer, 2 * WIRE_NS)

    def _fetch_price(self, actor: str, word: Word, now_ns: int) -> None:
        """The exchange's klines answer; the others are not part of this world."""
        assert isinstance(word, FetchPrice)
        bars = self.world.klines(1, now_ns // S - 5, now_ns // S + 1, now_ns) if word.source == "binance_rest" else ()
        newest = max((k for k in bars if k.trades > 0), key=lambda k: k.start_s, default=None)
        answer = PriceFetched(
            source=word.source,
            known=newest is not None,
            price=newest.close if newest else 0.0,
            size=0.0,
            stamped_ns=newest.start_s * S if newest else 0,
            why="" if newest else "no such source in the simulator",
        )
        self._tell(actor, answer, WIRE_NS)

    def _fetch_day(self, actor: str, word: Word, now_ns: int) -> None:
        assert isinstance(word, FetchDay)
        self._tell(actor, DayHeard(symbol=word.symbol, day=None, why="no such statistics in the simulator"), WIRE_NS)

    def _beat(self, actor: str, word: Word, now_ns: int) -> None:
        """Always taken: nobody beats beside us here, and the venue's patience is the wire's to test."""
        self._beats += 1
        self._tell(actor, HeartbeatSent(outcome="acked", heartbeat_id=f"beat-{self._beats}"), 2 * WIRE_NS)

    def _post(self, actor: str, word: Word, now_ns: int) -> None:
        assert isinstance(word, PostOrder)
        if self._sim.halt is not None or self._gate:
            shut = msgspec.structs.replace(post_result(word, None), outcome="gate", code="KILL_SWITCH", text="halted")
            self._tell(actor, shut, 0)
            return
        fate = self.faults.fate(word) if self.faults else "answer"
        if fate == "lose_request":
            self._tell(actor, post_result(word, None), 5 * S)
        else:
            self._sim.at(now_ns + WIRE_NS, lambda: self._arrive(actor, word, fate == "lose_answer"))

    def _arrive(self, actor: str, word: PostOrder, loses_answer: bool) -> None:
        result = self.engine.submit(new_order(word.order_id, word.body), self._sim.now_ns)
        if isinstance(result, Held):
            says_more = not self.engine.switches.answers_delayed
            self._sim.at(result.until_ns, lambda: self._release(actor, word, loses_answer, says_more))
            if says_more:
                return
            result = Placed(word.order_id, "delayed", 0, 0, ())
        self._flush()
        self._tell(actor, post_result(word, None if loses_answer else result), 5 * S if loses_answer else WIRE_NS)

    def _release(self, actor: str, word: PostOrder, loses_answer: bool, answers: bool) -> None:
        """Let a held order through to the venue's engine; answers: its POST still waits for an answer."""
        result = self.engine.release(word.order_id, self._sim.now_ns)
        assert not isinstance(result, Held)
        self._flush()
        if answers:
            self._tell(actor, post_result(word, None if loses_answer else result), 5 * S if loses_answer else WIRE_NS)
