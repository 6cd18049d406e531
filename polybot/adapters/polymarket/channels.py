"""The websocket channels of Polymarket as sources: the CLOB's two, and PolyBolt, which wants the CLOB's credentials."""

import random
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

from messages import MarketListed, OracleRelayed
from messages.inner import UserFact
from polybot.adapters.net.bad_frame import BadFrame
from polybot.adapters.net.retry import Backoff
from polybot.adapters.net.source import SocketSource
from polybot.adapters.net.websocket import KeepAlive, WebSocketSource, WordSink
from polybot.adapters.polymarket import market_frames, polybolt, user_frames
from polybot.adapters.polymarket.account_parser import Ourselves, Units

if TYPE_CHECKING:  # whoever hears public frames alone needs no curve and no hash
    from polybot.adapters.polymarket.signing import Credentials

CLOB_PING = KeepAlive("PING", every_s=10.0, dead_s=30.0)
POLYBOLT_PING = KeepAlive(polybolt.PING, every_s=30.0, dead_s=90.0)
ALL_RESOLVED = "all subscribed assets resolved"
JUST_ADDED_S = 5.0  # machine time: a market added while the server was closing is not among "all"


class MarketChannelSource(SocketSource):
    """Book (the newest unread one a slug), TradePrint, TickSizeChanged, MarketResolved, SourceState "market".

    Closed while nothing is subscribed. Each connection opens with one first frame for all markets; later changes are
    dynamic. A book that fails its checksum is left and subscribed again, which brings a new snapshot.
    """

    name = "market"

    def __init__(self, url: str, inbox: WordSink, now_ns: Callable[[], int], backoff: Backoff | None = None) -> None:
        super().__init__(inbox, now_ns)
        self._guard = threading.Lock()  # subscribe() comes from a lane
        self._frames = market_frames.MarketFrames()
        self._markets: dict[str, MarketListed] = {}
        self._since: dict[str, float] = {}
        self._is_open = self._has_begun = False
        self.socket = WebSocketSource(
            self.name,
            url,
            self._frame,
            self._state,
            self.bad,
            keep_alive=CLOB_PING,
            backoff=backoff,
            wanted=False,
        )

    def subscribe(self, add: Iterable[MarketListed], remove: Iterable[str] = ()) -> None:
        """Markets to hear from now on, slugs to leave. What is heard already stays as it is."""
        with self._guard:
            gone = [self._drop(slug) for slug in remove if slug in self._markets]
            new = [market for market in add if market.slug not in self._markets]
            for market in new:
                self._markets[market.slug] = market
                self._since[market.slug] = time.monotonic()
                self._frames.add(market)
            if gone and self._is_open:
                self.socket.send(market_frames.unsubscribe_frame(_tokens(gone)))
            if new and self._is_open:
                self._ask(new)
            self.socket.want(bool(self._markets))

    def _drop(self, slug: str) -> MarketListed:
        self._frames.remove(slug)
        del self._since[slug]
        return self._markets.pop(slug)

    def _ask(self, markets: Iterable[MarketListed]) -> None:
        """The first frame goes out once a connection."""
        frame = market_frames.subscribe_frame if self._has_begun else market_frames.first_frame
        self._has_begun = True
        self.socket.send(frame(_tokens(markets)))

    def _state(self, state: Literal["open", "closed"], why: str) -> None:
        with self._guard:
            self._is_open, self._has_begun = state == "open", False
            for builder in self._frames.builders.values():
                builder.forget()
            if ALL_RESOLVED in why:
                for slug in [s for s, since in self._since.items() if time.monotonic() - since > JUST_ADDED_S]:
                    self._drop(slug)
                self.socket.want(bool(self._markets))
            if self._is_open and self._markets:
                self._ask(self._markets.values())
        self.said(state, why)

    def _frame(self, text: str) -> None:
        received_ns = self.now_ns()
        with self._guard:
            heard = self._frames.hear(text, received_ns)
            books = [self._frames.builders[slug].book_word(received_ns) for slug in heard.books]
            for slug in heard.distrusted:
                self._again(slug)
        if heard.bad:
            self.bad(heard.bad)
        for slug in heard.distrusted:
            self.bad(f"{slug}: book distrusted, snapshot asked again")
        for book in books:
            if book is not None:
                self.inbox.put(book, conflate=f"Book/{book.slug}")
        for word in heard.words:
            self.inbox.put(word)

    def _again(self, slug: str) -> None:
        self._frames.builders[slug].forget()
        tokens = _tokens([self._markets[slug]])
        self.socket.send(market_frames.unsubscribe_frame(tokens))
        self.socket.send(market_frames.subscribe_frame(tokens))


class UserChannelSource(SocketSource):
    """UserFact of our orders and trades, and of the channel's own coming and going: no replay, so re-read on each "open"."""

    name = "user"

    def __init__(
        self,
        url: str,
        credentials: "Credentials",
        address: str,
        inbox: WordSink,
        now_ns: Callable[[], int],
        backoff: Backoff | None = None,
    ) -> None:
        super().__init__(inbox, now_ns)
        self._credentials, self._us = credentials, Ourselves(credentials.api_key, address)
        self._units = Units()
        self.socket = WebSocketSource(
            self.name, url, self._frame, self._state, self.bad, keep_alive=CLOB_PING, backoff=backoff
        )

    def _state(self, state: Literal["open", "closed"], why: str) -> None:
        if state == "open":
            self.socket.send(user_frames.first_frame(self._credentials))
        self.inbox.put(UserFact(kind=state, why=why))

    def bad(self, why: str) -> None:
        """Say that a frame of the user channel could not be read, and why."""
        self.inbox.put(UserFact(kind="bad", why=why))

    def _frame(self, text: str) -> None:
        for fact in user_frames.facts_of(text, self._us, self._units):
            self.inbox.put(fact)


class PolyBoltSource(SocketSource):
    """OracleRelayed (the prints of one frame), SourceState "polybolt". Held by the executor: see polybolt.py.

    A frame that was lost is fetched again with a new subscription's snapshot. Credentials that are refused, and breaches of
    the server's policy, end it for this boot: both need a person, and the strike chain has a second link.
    """

    name = polybolt.SOURCE

    def __init__(
        self,
        url: str,
        credentials: "Credentials",
        symbol: str,
        inbox: WordSink,
        now_ns: Callable[[], int],
        backoff: Backoff | None = None,
    ) -> None:
        super().__init__(inbox, now_ns)
        self._credentials, self._frames = credentials, polybolt.Frames(symbol)
        self.socket = WebSocketSource(
            self.name, url, self._frame, self._state, self.bad, keep_alive=POLYBOLT_PING, backoff=backoff
        )

    def start(self) -> None:
        """Begin; until the first "open" it is closed, and said to be."""
        self.said("closed", "not connected yet")
        super().start()

    def _state(self, state: Literal["open", "closed"], why: str) -> None:
        if state == "open":
            self._frames.begin()
            self.socket.send(self._frames.auth(self._credentials))
        code = why.partition(" ")[0]
        if state == "closed" and code in map(str, polybolt.FINAL_CLOSES):
            self._give_up()
            why = f"{why}: not tried again before the executor is restarted"
        elif state == "closed" and code == str(polybolt.DRAINING):
            self.socket.hold_off(random.uniform(0, polybolt.DRAIN_S))
        self.said(state, why)

    def _give_up(self) -> None:
        self.socket.want(False)

    def _frame(self, text: str) -> None:
        try:
            heard = self._frames.read(text, self.now_ns())
        except polybolt.PolyBoltRefused as exc:
            self.bad(str(exc))
            if exc.code == "auth_invalid":
                self._give_up()
            if exc.code.startswith("auth_"):
                self.reconnect(str(exc))
            return
        except BadFrame as exc:
            self.bad(str(exc))
            return
        if heard.ack == "authed":
            self.socket.send(self._frames.subscribe())
        if heard.lost:
            self.bad(f"{heard.lost} frames lost: the last two minutes asked for again")
            self.socket.send(self._frames.unsubscribe())
            self.socket.send(self._frames.subscribe())
        if heard.prints:
            self.inbox.put(OracleRelayed(prints=heard.prints))


def _tokens(markets: Iterable[MarketListed]) -> list[str]:
    """The tokens of these markets, both of each together: fan-out is per market."""
    return [token for market in markets for token in (market.up_token, market.down_token)]
