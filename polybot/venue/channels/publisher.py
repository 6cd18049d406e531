"""Telling the sockets what happened: events of the venue's engine as frames of the market and user channels."""

from collections.abc import Callable
from typing import Any

from messages.units import E6
from polybot.sim.venue import (
    BookChanged,
    EngineEvent,
    EngineTrade,
    Market,
    MarketEnded,
    OrderChanged,
    TickChanged,
    TradeChanged,
    VenueEngine,
)
from polybot.sim.venue.types import CROWD
from polybot.venue.channels.market import MarketChannel
from polybot.venue.channels.user import UserChannel
from polybot.venue.wire import clob_frames, clob_objects, gamma_objects


class ChannelPublisher:
    """Remembers each market's last trade and volume, as they pass. gamma_id_of names a market in `market_resolved`.

    unknown(token) is why its book cannot be told now. tells_crowd: whether trades that the crowd took are printed here; a
    mirror prints the real ones instead (`relay`).
    """

    def __init__(
        self,
        engine: VenueEngine,
        user_channel: UserChannel,
        now_ns: Callable[[], int],
        key_of: clob_objects.KeyOf,
        gamma_id_of: Callable[[str], str],
        unknown: Callable[[str], str] = lambda _token: "",
    ) -> None:
        self.engine, self.user_channel, self.now_ns = engine, user_channel, now_ns
        self.key_of, self.gamma_id_of, self.unknown = key_of, gamma_id_of, unknown
        self.tells_crowd = True
        self.market_channel = MarketChannel(self.book_event, self._is_resolved)
        self.volume: dict[str, int] = {}
        self._owed: dict[str, None] = {}  # markets whose changes were not told
        self._last: dict[str, tuple[int, str, str]] = {}
        self._tops: dict[str, tuple[str, str]] = {}

    def sides(self, token: str) -> clob_frames.Sides:
        """Both sides of a token's book, the best prices first."""
        return clob_frames.Sides(*self.engine.levels(token))

    def last_trade(self, token: str) -> tuple[int, str] | None:
        """(price_e6, taker's side) of a token's market, seen from this token."""
        market = self.engine.market_of(token)
        last = self._last.get(market.condition_id) if market else None
        if last is None:
            return None
        price, side, traded = last
        if traded == token:
            return price, side
        return E6 - price, "SELL" if side == "BUY" else "BUY"

    def book_object(self, token: str) -> dict[str, Any] | None:
        """REST's book; None without a live one (unknown, not open yet, settled)."""
        market = self.engine.market_of(token)
        if market is None or market.winner is not None:
            return None
        last = self.last_trade(token)
        text = f"{last[0] // 1_000_000}.{last[0] % 1_000_000 // 1000:03d}" if last else ""
        return clob_frames.book_object(
            pair_of(market), token, self.sides(token), self.now_ns(), market.tick_e6, market.min_size_e6, text
        )

    def book_event(self, token: str) -> dict[str, Any] | None:
        """The token's book as a frame of the market channel; None while the book is not known."""
        book = None if self.unknown(token) else self.book_object(token)
        return None if book is None else clob_frames.book_event(book)

    def _is_resolved(self, token: str) -> bool:
        market = self.engine.market_of(token)
        return market is not None and market.winner is not None

    def tell(self, events: list[EngineEvent]) -> None:
        """Send these events of the venue's engine to all sockets that may hear of them."""
        changed: dict[str, dict[tuple[str, int], int]] = {}
        traded: dict[str, None] = {}
        at_ns = 0
        for event in events:
            match event:
                case BookChanged():
                    at_ns = event.at_ns
                    merged = changed.setdefault(event.condition_id, {})
                    merged.update({(side, price): size for side, price, size in event.changes})
                case TradeChanged():
                    self._tell_trade(event, traded)
                case OrderChanged():
                    market = self.engine.market(event.order.condition_id)
                    key = self.key_of(event.order.owner)
                    if key and market is not None:
                        shown = clob_objects.order_event(event.order, market, key, event.kind, event.at_ns)
                        self.user_channel.publish(key, market.condition_id, shown)
                case TickChanged():
                    self._tell_tick(event)
                case MarketEnded():
                    changed.pop(event.condition_id, None)
                    self._tell_end(event)
        for condition_id, levels in changed.items():
            self._tell_book(condition_id, levels, at_ns, condition_id in traded)

    def _tell_book(self, condition_id: str, levels: dict[tuple[str, int], int], at_ns: int, traded: bool) -> None:
        market = self.engine.market(condition_id)
        if market is None or market.winner is not None or not self.market_channel.wanted(pair_of(market)):
            return
        if self.unknown(market.up_token):
            self._owed[condition_id] = None
            return  # silence is how a book that is not known is told
        if self._owed.pop(condition_id, "") is None:
            self.publish_books(condition_id)
            return
        self._tell_tops(market, at_ns)
        if traded or len(levels) > clob_frames.MAX_CHANGES:
            for token in (market.up_token, market.down_token):
                self._send_book(token)
            return
        items: list[tuple[clob_frames.Side, int, int]] = [
            ("BUY" if side == "BID" else "SELL", price, size) for (side, price), size in levels.items()
        ]
        pair, sides = pair_of(market), self.sides(market.up_token)
        frame = clob_frames.price_change(pair, sides, items, at_ns, f"{at_ns}")
        self.market_channel.to_market(pair, frame)

    def _tell_tops(self, market: Market, at_ns: int) -> None:
        pair, up = pair_of(market), self.sides(market.up_token)
        if self._tops.get(market.condition_id) != up.tops():
            self._tops[market.condition_id] = up.tops()
            for token, sides in ((market.up_token, up), (market.down_token, up.mirrored())):
                self.market_channel.to_token(token, clob_frames.best_bid_ask(pair, token, sides, at_ns), custom=True)

    def _send_book(self, token: str) -> None:
        body = self.book_event(token)
        if body is not None:
            self.market_channel.to_token(token, clob_frames.encode(body))

    def publish_books(self, condition_id: str) -> None:
        """Full snapshots of both tokens: when a book comes alive, and at instants that must not be missed."""
        market = self.engine.market(condition_id)
        if market is not None and self.market_channel.wanted(pair_of(market)):
            for token in (market.up_token, market.down_token):
                self._send_book(token)

    def tell_listed(self, listing: gamma_objects.Listing) -> None:
        """Tell of a market that was not there before."""
        now = gamma_objects.Now(tick_e6=10_000)
        pair = clob_frames.Pair(listing.condition_id, listing.up_token, listing.down_token)
        listed, event = gamma_objects.market_object(listing, now), gamma_objects.event_object(listing, now)
        self.market_channel.to_all(clob_frames.new_market(listed, event, pair, self.now_ns()))

    def _tell_trade(self, event: TradeChanged, traded: dict[str, None]) -> None:
        trade = event.trade
        market = self.engine.market(trade.condition_id)
        if market is None:
            return
        if event.public and (self.tells_crowd or trade.taker != CROWD):
            traded[trade.condition_id] = None
            self._last[trade.condition_id] = (trade.price_e6, trade.side, trade.token)
            self.volume[trade.condition_id] = self.volume.get(trade.condition_id, 0) + trade.usd_e6
            self._print(trade, market)
        for wallet in clob_objects.wallets_in(trade):
            key = self.key_of(wallet)
            if key:
                shown = clob_objects.trade_event(trade, market, wallet, self.key_of, event.at_ns)
                self.user_channel.publish(key, market.condition_id, shown)

    def _print(self, trade: EngineTrade, market: Market) -> None:
        pair = pair_of(market)
        if self.market_channel.wanted(pair):
            tx = clob_objects.transaction_hash(trade.trade_id)
            frame = clob_frames.last_trade_price(
                pair, trade.token, trade.price_e6, trade.size_e6, trade.side, trade.matched_ns, tx
            )
            self.market_channel.to_token(trade.token, frame)

    def relay(self, market: Market, token: str, price_e6: int, size_e6: int, side: str, at_ns: int, tx: str) -> None:
        """A trade that was made elsewhere: the real venue's."""
        self._last[market.condition_id] = (price_e6, side, token)
        usd_e6 = size_e6 * price_e6 // E6
        self.volume[market.condition_id] = self.volume.get(market.condition_id, 0) + usd_e6
        frame = clob_frames.last_trade_price(pair_of(market), token, price_e6, size_e6, side, at_ns, tx)
        self.market_channel.to_token(token, frame)

    def _tell_tick(self, event: TickChanged) -> None:
        market = self.engine.market(event.condition_id)
        if market is not None:
            for token in (market.up_token, market.down_token):
                frame = clob_frames.tick_size_change(pair_of(market), token, event.old_e6, event.new_e6, event.at_ns)
                self.market_channel.to_token(token, frame)

    def _tell_end(self, event: MarketEnded) -> None:
        market = self.engine.market(event.condition_id)
        if market is None:
            return
        winning, outcome = {
            "UP": (market.up_token, "Up"),
            "DOWN": (market.down_token, "Down"),
            "SPLIT": ("", ""),
        }[event.winner]
        frame = clob_frames.market_resolved(
            self.gamma_id_of(event.condition_id), pair_of(market), winning, outcome, event.at_ns
        )
        self.market_channel.to_market(pair_of(market), frame, custom=True)
        self.market_channel.settled(pair_of(market))
        self._last.pop(event.condition_id, None)
        self._tops.pop(event.condition_id, None)


def pair_of(market: Market) -> clob_frames.Pair:
    """The names that this market has on the wire."""
    return clob_frames.Pair(market.condition_id, market.up_token, market.down_token)
