"""The venue's inside: the exchange, who may speak for which wallet, what survives, and telling the sockets what happened.

The order is always: change → commit (when a wallet is concerned) → tell → answer. What concerns only the world's own
makers and takers is committed with the next wallet's change or within a second: rows are a whole state each time.
"""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from messages.units import E6
from polybot.core.exchange import (
    BalanceChanged,
    BookChanged,
    Exchange,
    ExchangeEvent,
    Market,
    MarketEnded,
    OrderChanged,
    TickChanged,
    Trade,
    TradeChanged,
)
from polybot.venue import frames, gamma, views
from polybot.venue.keys import Credentials, Keys
from polybot.venue.market_channel import MarketChannel
from polybot.venue.store import Doc, Store
from polybot.venue.user_channel import UserChannel
from polybot.venue.wallets import BadOrder

DROPPED = b"{}"  # a key its owner deleted
EXCHANGE_KINDS = ("market", "account", "order", "trade")


class Catalogue(Protocol):
    """The windows' markets as the world lists them."""

    def listing(self, slug: str) -> gamma.Listing | None:
        """None: no such market, or not listed yet."""
        ...

    def open_listing(self, condition_id: str = "", token: str = "") -> gamma.Listing | None:
        """By the names the CLOB uses."""
        ...


class House:
    """grant_usd_e6: play money for a wallet never seen before."""

    def __init__(
        self, store: Store, keys: Keys, catalogue: Catalogue, now_ns: Callable[[], int], grant_usd_e6: int
    ) -> None:
        self.store, self.keys, self.catalogue = store, keys, catalogue
        self.now_ns, self.grant_usd_e6 = now_ns, grant_usd_e6
        self.exchange = Exchange()
        self.market_channel = MarketChannel(self._book_event, self._is_resolved)
        self.user_channel = UserChannel(keys.knows)
        self._key_of_wallet: dict[str, str] = {}
        self._last: dict[str, tuple[int, str, str]] = {}
        self._volume: dict[str, int] = {}
        self._docs: list[Doc] = []
        self.wiped = 0

    def restore(self, wipe: bool = True) -> None:
        """What was committed before; resting orders and held takers do not survive unless `wipe` is off."""
        for _, body in self.store.all("key"):
            if body != DROPPED:
                self.keys.restore(_credentials(body))
        for wallet, body in self.store.all("wallet"):
            self._key_of_wallet[wallet] = body.decode()
        self.exchange.restore((kind, id_, body) for kind in EXCHANGE_KINDS for id_, body in self.store.all(kind))
        if wipe:
            self.wiped = self.exchange.wipe(self.now_ns())
        self.flush()

    # --- wallets

    def key_of(self, wallet: str) -> str:
        """The API key a wallet's events go to; "" for the world's own."""
        return self._key_of_wallet.get(wallet, "")

    def wallets_of(self, me: Credentials) -> list[str]:
        """The key's own wallet and every funder its owner has ordered for, under whichever key."""
        return [w for w, key in self._key_of_wallet.items() if self._owner_of(key) == me.address.lower()]

    def _owner_of(self, api_key: str) -> str:
        known = self.keys.by_key.get(api_key)
        return "" if known is None else known.address.lower()

    def admit(self, wallet: str, me: Credentials) -> None:
        """First sight of a wallet: play money and full allowances; and from now on it is this key's.

        Raises BadOrder when it is another owner's: no one orders from someone else's funder.
        """
        wallet = wallet.lower()
        if self._owner_of(self.key_of(wallet)) not in ("", me.address.lower()):
            raise BadOrder("the order signer address has to be the address of the API KEY")
        if self._key_of_wallet.get(wallet) != me.api_key:
            self._key_of_wallet[wallet] = me.api_key
            self._docs.append(("wallet", wallet, me.api_key.encode()))
        if not self.exchange.knows(wallet):
            self.exchange.grant(wallet, self.grant_usd_e6, self.now_ns())

    def remember_key(self, made: Credentials) -> None:
        """To be committed with the next flush."""
        self.keys.restore(made)
        self._docs.append(("key", f"{made.address.lower()}/{made.nonce}", _key_body(made)))

    def forget_key(self, me: Credentials) -> None:
        """Deleted by its owner; to be committed with the next flush."""
        self.keys.forget(me)
        self._docs.append(("key", f"{me.address.lower()}/{me.nonce}", DROPPED))

    # --- markets

    def market(self, condition_id: str) -> Market | None:
        """An open or resolved market, or one that is listed and not opened yet."""
        found = self.exchange.market(condition_id)
        if found is not None:
            return found
        listing = self.catalogue.open_listing(condition_id=condition_id)
        return None if listing is None else market_from(listing)

    def market_of(self, token: str) -> Market | None:
        """By token."""
        found = self.exchange.market_of(token)
        if found is not None:
            return found
        listing = self.catalogue.open_listing(token=token)
        return None if listing is None else market_from(listing)

    def gamma_now(self, market: Market) -> gamma.Now:
        """What Gamma may say of a market at this moment."""
        resolved = market.winner is not None
        opened = self.exchange.market(market.condition_id) is not None and not resolved
        bid, ask = self.exchange.best(market.condition_id) if opened else (None, None)
        last = self.last_trade(market.up_token)
        return gamma.Now(
            tick_e6=market.tick_e6,
            best_bid_e6=bid,
            best_ask_e6=ask,
            last_e6=last[0] if last else None,
            volume_e6=self._volume.get(market.condition_id, 0),
            accepting=market.accepting,
            resolved_s=market.resolved_ns // 1_000_000_000 if resolved else None,
            winner=market.winner,
        )

    def sides(self, token: str) -> frames.Sides:
        """A token's book, best first."""
        return frames.Sides(*self.exchange.levels(token))

    def last_trade(self, token: str) -> tuple[int, str] | None:
        """(price_e6, taker's side) of a token's market, seen from this token."""
        market = self.exchange.market_of(token)
        last = self._last.get(market.condition_id) if market else None
        if last is None:
            return None
        price, side, traded = last
        if traded == token:
            return price, side
        return E6 - price, "SELL" if side == "BUY" else "BUY"

    def book_object(self, token: str) -> dict[str, Any] | None:
        """REST's book; None without a live one (unknown, not open yet, settled)."""
        market = self.exchange.market_of(token)
        if market is None or market.winner is not None:
            return None
        last = self.last_trade(token)
        text = f"{last[0] // 1_000_000}.{last[0] % 1_000_000 // 1000:03d}" if last else ""
        return frames.book_object(
            pair_of(market), token, self.sides(token), self.now_ns(), market.tick_e6, market.min_size_e6, text
        )

    def _book_event(self, token: str) -> dict[str, Any] | None:
        book = self.book_object(token)
        return None if book is None else frames.book_event(book)

    def _is_resolved(self, token: str) -> bool:
        market = self.exchange.market_of(token)
        return market is not None and market.winner is not None

    # --- commit, then tell

    def flush(self, durable: bool = False) -> None:
        """Commit what a wallet is concerned with (or everything, when durable), then tell the sockets."""
        events = self.exchange.take_events()
        if durable or self._docs or any(_concerns_a_wallet(e) for e in events):
            docs, self._docs = self._docs, []
            self.store.commit([*docs, *self.exchange.take_changed_rows()])
        self._tell(events)

    def _tell(self, events: list[ExchangeEvent]) -> None:
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
                    market = self.exchange.market(event.order.condition_id)
                    key = self.key_of(event.order.owner)
                    if key and market is not None:
                        shown = views.order_event(event.order, market, key, event.kind, event.at_ns)
                        self.user_channel.publish(key, market.condition_id, shown)
                case TickChanged():
                    self._tell_tick(event)
                case MarketEnded():
                    changed.pop(event.condition_id, None)
                    self._tell_end(event)
        for condition_id, levels in changed.items():
            self._tell_book(condition_id, levels, at_ns, condition_id in traded)

    def _tell_book(self, condition_id: str, levels: dict[tuple[str, int], int], at_ns: int, traded: bool) -> None:
        market = self.exchange.market(condition_id)
        if market is None or market.winner is not None or not self.market_channel.wanted(pair_of(market)):
            return
        if traded or len(levels) > frames.MAX_CHANGES:
            for token in (market.up_token, market.down_token):
                self._send_book(token)
            return
        items: list[tuple[frames.Side, int, int]] = [
            ("BUY" if side == "BID" else "SELL", price, size) for (side, price), size in levels.items()
        ]
        pair, sides = pair_of(market), self.sides(market.up_token)
        frame = frames.price_change(pair, sides, items, at_ns, f"{at_ns}")
        self.market_channel.to_market(pair, frame)

    def _send_book(self, token: str) -> None:
        body = self._book_event(token)
        if body is not None:
            self.market_channel.to_token(token, frames.encode(body))

    def publish_books(self, condition_id: str) -> None:
        """Full snapshots of both tokens: when a book comes alive, and at instants that must not be missed."""
        market = self.exchange.market(condition_id)
        if market is not None and self.market_channel.wanted(pair_of(market)):
            for token in (market.up_token, market.down_token):
                self._send_book(token)

    def _tell_trade(self, event: TradeChanged, traded: dict[str, None]) -> None:
        trade = event.trade
        market = self.exchange.market(trade.condition_id)
        if market is None:
            return
        if event.public:
            traded[trade.condition_id] = None
            self._last[trade.condition_id] = (trade.price_e6, trade.side, trade.token)
            self._volume[trade.condition_id] = self._volume.get(trade.condition_id, 0) + trade.usd_e6
            self._print(trade, market)
        for wallet in views.wallets_in(trade):
            key = self.key_of(wallet)
            if key:
                shown = views.trade_event(trade, market, wallet, self.key_of, event.at_ns)
                self.user_channel.publish(key, market.condition_id, shown)

    def _print(self, trade: Trade, market: Market) -> None:
        pair = pair_of(market)
        if self.market_channel.wanted(pair):
            tx = views.transaction_hash(trade.trade_id)
            frame = frames.last_trade_price(
                pair, trade.token, trade.price_e6, trade.size_e6, trade.side, trade.matched_ns, tx
            )
            self.market_channel.to_token(trade.token, frame)

    def _tell_tick(self, event: TickChanged) -> None:
        market = self.exchange.market(event.condition_id)
        if market is not None:
            for token in (market.up_token, market.down_token):
                frame = frames.tick_size_change(pair_of(market), token, event.old_e6, event.new_e6, event.at_ns)
                self.market_channel.to_token(token, frame)

    def _tell_end(self, event: MarketEnded) -> None:
        market = self.exchange.market(event.condition_id)
        listing = self.catalogue.open_listing(condition_id=event.condition_id)
        if market is None or listing is None:
            return
        winning, outcome = {
            "UP": (market.up_token, "Up"),
            "DOWN": (market.down_token, "Down"),
            "SPLIT": ("", ""),
        }[event.winner]
        frame = frames.market_resolved(listing.gamma_id, pair_of(market), winning, outcome, event.at_ns)
        self.market_channel.to_market(pair_of(market), frame, custom=True)
        self.market_channel.settled(pair_of(market))
        self._last.pop(event.condition_id, None)


def _concerns_a_wallet(event: ExchangeEvent) -> bool:
    match event:
        case OrderChanged() | BalanceChanged() | MarketEnded():
            return True
        case TradeChanged():
            return any(w.startswith("0x") for w in views.wallets_in(event.trade))
    return False


def market_from(listing: gamma.Listing) -> Market:
    """The exchange's market of a listing, as it opens."""
    return Market(
        condition_id=listing.condition_id,
        slug=listing.slug,
        up_token=listing.up_token,
        down_token=listing.down_token,
        start_s=listing.start_s,
        end_s=listing.end_s,
    )


def pair_of(market: Market) -> frames.Pair:
    """Its names on the wire."""
    return frames.Pair(market.condition_id, market.up_token, market.down_token)


def _key_body(made: Credentials) -> bytes:
    return frames.encode(
        {
            "api_key": made.api_key,
            "secret": made.secret,
            "passphrase": made.passphrase,
            "address": made.address,
            "nonce": made.nonce,
        }
    )


def _credentials(body: bytes) -> Credentials:
    return Credentials(**msgspec.json.decode(body))
