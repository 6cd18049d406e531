"""The mirror's lines to the real venue: its market channel on a thread, REST on two lanes. Everything read, nothing ordered.

What arrives is handed to the venue's event loop; only there does anything change.
"""

import asyncio
import os
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from polybot.adapters.net.reads import Empty, Known, Unknown
from polybot.adapters.net.websocket import KeepAlive, WebSocketSource
from polybot.adapters.polymarket.clob_public import ClobPublic
from polybot.adapters.polymarket.gamma import Gamma
from polybot.adapters.polymarket.market_frames import first_frame, subscribe_frame, unsubscribe_frame
from polybot.adapters.polymarket.numbers import GARBAGE
from polybot.runtime.base import log
from polybot.venue.mirror.follow import Follower
from polybot.venue.mirror.market_parser import MirroredMarket, facts_of
from polybot.venue.wire.clob_frames import Pair

PING = KeepAlive("PING", every_s=10.0, dead_s=30.0)
SOON_S = 2.0  # between two reads of a market that is not listed yet, or has ended and is not resolved
SELDOM_S = 30.0  # of one that is open, and of one that stays unresolved
LATE_S = 900.0  # after its end a market is asked for seldom
LOOK_S = 0.1
MARKETS_LOOK_S = 0.5
TIMEOUT_S = 4.0


class Channel:
    """The real market channel. Frames and its coming and going reach `follower` on the loop, in their order."""

    def __init__(self, url: str, follower: Follower, loop: asyncio.AbstractEventLoop) -> None:
        self._follower, self._loop = follower, loop
        self._waiting: deque[Callable[[], None]] = deque()
        self._guard = Lock()
        self._pairs: dict[str, Pair] = {}
        self._is_open = self._has_begun = self._is_silent = False
        self._lane = ThreadPoolExecutor(1, "mirror-subscribe")
        self.socket = WebSocketSource("real", url, self._frame, self._state, self._bad, keep_alive=PING, wanted=False)

    def start(self) -> None:
        """Let the channel begin; it connects once a market is followed."""
        self.socket.start()

    def silence(self) -> None:
        """Nothing that is heard from here on matters: we are leaving."""
        self._is_silent = True

    def stop(self) -> None:
        """Close the socket and the lane, within a second."""
        self.socket.stop()
        self._lane.shutdown(wait=False, cancel_futures=True)

    def follow(self, pairs: Iterable[Pair]) -> None:
        """Subscribe to these markets from now on, and to no others."""
        wanted = {pair.condition_id: pair for pair in pairs}
        with self._guard:
            new = [pair for cid, pair in wanted.items() if cid not in self._pairs]
            gone = [pair for cid, pair in self._pairs.items() if cid not in wanted]
            self._pairs = wanted
        if new or gone:
            self.socket.want(bool(wanted))
            self._lane.submit(self._change, new, gone)

    def again(self, pair: Pair) -> None:
        """Subscribe to one market anew, which brings its snapshot."""
        self._lane.submit(self._change, [pair], [pair])

    # --- on other threads

    def _change(self, new: list[Pair], gone: list[Pair]) -> None:
        with self._guard:
            if not self._is_open:
                return
            if gone:
                self.socket.send(unsubscribe_frame(_tokens(gone)))
            if new:
                frame = subscribe_frame if self._has_begun else first_frame
                self._has_begun = True
                self.socket.send(frame(_tokens(new)))

    def _state(self, state: str, why: str) -> None:
        with self._guard:
            self._is_open = state == "open"
            self._has_begun = self._is_open and bool(self._pairs)
            if self._has_begun:
                self.socket.send(first_frame(_tokens(self._pairs.values())))
        log.event("mirror_channel", state=state, why=why)
        self._hand_over(self._follower.opened if state == "open" else lambda: self._follower.closed(why))

    def _frame(self, text: str) -> None:
        self._hand_over(lambda: self._follower.hear(text))

    def _bad(self, why: str) -> None:
        log.event("mirror_frame_broken", why=why)

    def _hand_over(self, work: Callable[[], None]) -> None:
        if self._is_silent:
            return
        self._waiting.append(work)
        if len(self._waiting) == 1:  # else someone is on the way already
            try:
                self._loop.call_soon_threadsafe(self._drain)
            except RuntimeError:
                return  # the loop is closed: we are leaving

    def _drain(self) -> None:
        """On the loop: all that waits, then one commit."""
        try:
            while self._waiting:
                self._waiting[0]()
                self._waiting.popleft()
            self._follower.settle()
        except Exception:  # noqa: BLE001 (the event loop would log it and go on: the impossible ends the process)
            log.event("died", why=traceback.format_exc())
            os._exit(70)


def _tokens(pairs: Iterable[Pair]) -> list[str]:
    return [token for pair in pairs for token in (pair.up_token, pair.down_token)]


@dataclass
class Rest:
    """Reads of the real venue's REST, one lane for markets and one for books, so that neither waits for the other."""

    urls: Mapping[str, str]
    follower: Follower
    _read_s: dict[str, float] = field(default_factory=dict)
    _silent: str = ""

    def __post_init__(self) -> None:
        self._gamma, self._markets = Gamma(self.urls["gamma"], TIMEOUT_S), ClobPublic(self.urls["clob"], TIMEOUT_S)
        self._books = ClobPublic(self.urls["clob"], TIMEOUT_S)
        self._market_lane = ThreadPoolExecutor(1, "mirror-markets")
        self._book_lane = ThreadPoolExecutor(1, "mirror-books")

    def stop(self) -> None:
        """No new reads; one under way is not waited for."""
        for lane in (self._market_lane, self._book_lane):
            lane.shutdown(wait=False, cancel_futures=True)

    async def follow_markets(
        self, mono_s: Callable[[], float], now_s: Callable[[], float], on_change: Callable[[], None]
    ) -> None:
        """For ever: read what is due, tell the follower."""
        loop = asyncio.get_running_loop()
        while True:
            for slug in self.follower.wanted():
                if mono_s() - self._read_s.get(slug, -SELDOM_S) < self._period_s(slug, now_s()):
                    continue
                self._read_s[slug] = mono_s()
                told = await loop.run_in_executor(self._market_lane, self._market, slug)
                self._told(slug, told)
                on_change()
            self.follower.watch()
            await asyncio.sleep(MARKETS_LOOK_S)

    async def check_books(self, mono_s: Callable[[], float]) -> None:
        """For ever: the books that nobody has spoken of lately."""
        loop = asyncio.get_running_loop()
        while True:
            for followed in self.follower.to_check():
                asked_s = mono_s()
                read = await loop.run_in_executor(self._book_lane, self._book, followed.pair.up_token)
                if isinstance(read, dict) and followed.pair.condition_id in self.follower.followed:
                    try:
                        self.follower.checked(followed, read, asked_s)
                    except GARBAGE as exc:
                        log.event("mirror_book_unreadable", why=f"{type(exc).__name__} {exc}"[:200])
            await asyncio.sleep(LOOK_S)

    def _period_s(self, slug: str, now_s: float) -> float:
        """A market is read soon until it is listed, and from its end on until it is settled."""
        listing = self.follower.catalogue.known(slug)
        if listing is None:
            return SOON_S
        return SOON_S if listing.end_s <= now_s < listing.end_s + LATE_S else SELDOM_S

    def _told(self, slug: str, told: MirroredMarket | str) -> None:
        if isinstance(told, MirroredMarket):
            self.follower.told(told)
            self._silent = ""
            return
        self.follower.catalogue.wished.pop(slug, None)
        if told and told != self._silent:
            self._silent = told
            log.event("mirror_market_unread", slug=slug, why=told)

    # --- on the lanes

    def _market(self, slug: str) -> MirroredMarket | str:
        """Facts; else why not, "" when there is no such market."""
        match self._gamma.market(slug):
            case Unknown(why):
                return f"Gamma: {why}"
            case Empty():
                return ""
            case Known(gamma):
                pass
        clob = self._markets.clob_market(str(gamma.get("conditionId", "")))
        if isinstance(clob, Unknown):
            return f"CLOB: {clob.why}"
        try:
            return facts_of(gamma, clob.value if isinstance(clob, Known) else None)
        except GARBAGE as exc:
            return f"not a market we can read: {type(exc).__name__} {exc}"

    def _book(self, token: str) -> dict[str, Any] | None:
        read = self._books.read(f"/book?token_id={token}")
        return read.value if isinstance(read, Known) and isinstance(read.value, dict) else None
