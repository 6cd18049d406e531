"""From what the real venue says to what the engine in the mirror does: one market after another. No I/O.

Everything is called on the venue's event loop. `mono_s` is machine time, `now_ns` the wall's.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from polybot.core.market.windows import WINDOW_S
from polybot.runtime.base import log
from polybot.sim.venue.mirror import MirrorEngine
from polybot.sim.venue.types import Winner
from polybot.venue.accounts.engine_service import House
from polybot.venue.mirror.book import RealBook
from polybot.venue.mirror.catalogue import MirrorCatalogue
from polybot.venue.mirror.frames import (
    BookSnapshot,
    Broken,
    Changes,
    FrameReader,
    News,
    Print,
    Resolved,
    TickChange,
    snapshot_of,
)
from polybot.venue.mirror.market_parser import MirroredMarket
from polybot.venue.wire.clob_frames import Pair

AHEAD = 2  # windows after the running one that are followed
SILENT_S = 5.0  # a book that is lost for so long while its channel is open: the channel is opened anew
REMEMBERED_PRINTS = 500
WISHES = 5  # slugs somebody asked for that are read in one round


@dataclass
class FollowedMarket:
    """A market on the real channel. prints: those heard lately, so that one told for both tokens counts once."""

    pair: Pair
    facts: MirroredMarket
    book: RealBook = field(default_factory=RealBook)
    prints: dict[tuple[str, int, int, int, str], None] = field(default_factory=dict)
    was_known: bool = False
    since_s: float = 0.0


@dataclass
class MirrorCounts:
    """What the mirror has lived through, for people."""

    frames: int = 0
    broken: int = 0
    losses: int = 0
    reopened: int = 0
    upstream: str = "the real market channel has not answered yet"


class Follower:
    """`reopen(why)` closes the real channel so that it is opened anew; `again(pair)` subscribes one market anew."""

    def __init__(
        self,
        engine: MirrorEngine,
        catalogue: MirrorCatalogue,
        now_ns: Callable[[], int],
        mono_s: Callable[[], float],
    ) -> None:
        self.engine, self.catalogue, self._now_ns, self._mono_s = engine, catalogue, now_ns, mono_s
        self.reader, self.heard = FrameReader(), MirrorCounts()
        self.followed: dict[str, FollowedMarket] = {}
        self.reopen: Callable[[str], None] = lambda _why: None
        self.again: Callable[[Pair], None] = lambda _pair: None
        self.is_open = False
        self._opened_s = 0.0
        self._house: House | None = None

    def serve(self, house: House) -> None:
        """Whose engine it is; after a restart with what was taken in mind."""
        self._house = house
        house.teller.tells_crowd = False
        for market in house.unresolved():
            self.engine.recall(market.condition_id)

    @property
    def house(self) -> House:
        """The house whose markets follow the real ones; only after `serve`."""
        assert self._house is not None, "serve() comes first"
        return self._house

    # --- which markets

    def wanted(self) -> list[str]:
        """Slugs to be read now and then: the running window's, those after it, and all that are not settled for good."""
        current = self._now_ns() // 10**9 // WINDOW_S * WINDOW_S
        ahead = [f"btc-updown-5m-{current + k * WINDOW_S}" for k in range(AHEAD + 1)]
        unsettled = [m.slug for m in (*self.house.unresolved(), *self.house.announced())]
        return list(dict.fromkeys([*ahead, *unsettled, *list(self.catalogue.wished)[:WISHES]]))

    def told(self, facts: MirroredMarket) -> None:
        """REST's word on a market: list it, follow it, keep its grid and state, end it."""
        told = facts.told
        self.catalogue.put(facts.listing)
        known = self.engine.market(told.condition_id)
        if known is None:
            self.engine.list_market(facts.market())
        elif known.winner is None:
            self.engine.set_accepting(told.condition_id, facts.market().accepting)
            if told.tick_e6 < known.tick_e6:  # REST may be older than the channel, and the grid gets finer
                self.engine.set_tick(told.condition_id, told.tick_e6, self._now_ns())
        if facts.winner is not None:
            self._end(told.condition_id, facts.winner, is_final=True)
            return
        followed = self.followed.get(told.condition_id)
        if followed is not None:
            followed.facts = facts
        elif known is None or known.winner is None:
            pair = Pair(told.condition_id, told.up_token, told.down_token)
            self.followed[told.condition_id] = FollowedMarket(pair, facts, since_s=self._mono_s())
            self.reader.follow(pair)
        self.house.flush()

    # --- the channel

    def opened(self) -> None:
        """A connection is there: every book is unknown until it comes anew."""
        self.is_open, self._opened_s = True, self._mono_s()
        self.heard.upstream = "connected"
        for followed in self.followed.values():
            followed.since_s = self._opened_s

    def closed(self, why: str) -> None:
        """The connection is gone: what happens from here on is not heard."""
        self.is_open = False
        self.heard.upstream = f"the real market channel is closed: {why}"
        for followed in self.followed.values():
            self._lose(followed, self.heard.upstream, speaks=False)

    def hear(self, text: str) -> None:
        """Take in one frame of the real market channel."""
        self.heard.frames += 1
        for news in self.reader.read(text):
            followed = self.followed.get(news.condition_id)
            if isinstance(news, Broken):
                self.heard.broken += 1
                log.event("mirror_frame_broken", why=news.why)
            if followed is not None:
                self._news(news, followed)

    def _news(self, news: News, followed: FollowedMarket) -> None:
        cid, now_ns = news.condition_id, self._now_ns()
        match news:
            case Changes():
                knew = followed.book.is_known
                if followed.book.change(news, self._mono_s()):
                    self.engine.show(cid, news.levels, now_ns)
                elif knew:
                    self._lose(followed, followed.book.why, speaks=True)
            case BookSnapshot():
                differs = followed.book.snapshot(news, self._mono_s())
                if followed.book.is_known and followed.was_known:
                    self.engine.show(cid, differs, now_ns)
                else:
                    self._found(followed)
            case Print():
                self._print(news, followed)
            case TickChange():
                self.engine.set_tick(cid, news.tick_e6, now_ns)
            case Resolved():
                self._end(cid, news.winner, is_final=False)
            case Broken():
                self._lose(followed, "a frame about it could not be read", speaks=True)

    def _print(self, news: Print, followed: FollowedMarket) -> None:
        """Counted once, and only while nothing is missing around it."""
        name = (news.hits, news.price_e6, news.size_e6, news.at_ms, news.transaction)
        if name in followed.prints or not followed.book.is_known:
            return
        followed.prints[name] = None
        if len(followed.prints) > REMEMBERED_PRINTS:
            del followed.prints[next(iter(followed.prints))]
        market = self.engine.market(news.condition_id)
        assert market is not None, "it is followed"
        at_ns = news.at_ms * 1_000_000
        self.house.teller.relay(market, news.token, news.own_e6, news.size_e6, news.taker, at_ns, news.transaction)
        self.engine.printed(news.condition_id, news.hits, news.price_e6, news.size_e6, self._now_ns())

    def settle(self) -> None:
        """After a batch of frames: commit, then tell."""
        self.house.flush()

    # --- known and lost

    def _found(self, followed: FollowedMarket) -> None:
        """The book is known (again): everything visible stands before what rests; hearers get it whole."""
        if not followed.book.is_known:
            return
        followed.was_known = True
        cid = followed.pair.condition_id
        self.engine.replace(cid, *followed.book.ladders(), self._now_ns())
        self.house.flush()
        self.house.teller.publish_books(cid)
        log.event("mirror_book_known", slug=followed.facts.told.slug)

    def _lose(self, followed: FollowedMarket, why: str, speaks: bool) -> None:
        if followed.was_known:
            self.heard.losses += 1
            log.event("mirror_book_lost", slug=followed.facts.told.slug, why=why)
        followed.was_known = False
        followed.since_s = self._mono_s()
        followed.book.lose(why, speaks)

    # --- REST's books

    def to_check(self) -> list[FollowedMarket]:
        """Those whose book REST is to be asked for now; they count as asked."""
        now_s = self._mono_s()
        due = [f for f in self.followed.values() if self.is_open and f.book.wants_check(now_s)]
        for followed in due:
            followed.book.asked_s = now_s
        return due

    def checked(self, followed: FollowedMarket, shown: dict[str, object], asked_s: float) -> None:
        """REST's book of a market, in Up's terms; raises one of GARBAGE when it cannot be read."""
        match followed.book.check(snapshot_of(shown, followed.pair), asked_s, self._mono_s()):
            case "found":
                self._found(followed)
            case "stalled":
                self._lose(followed, followed.book.why, speaks=False)
                self._revive(followed, followed.book.why)
            case "proved":
                self._unsilence(followed)
            case _:
                return

    def _unsilence(self, followed: FollowedMarket) -> None:
        """Nothing happened on it: hearers that wait for a sign of life get the book once more."""
        self.house.teller.publish_books(followed.pair.condition_id)

    def watch(self) -> None:
        """Books that stay lost on an open channel: it has forgotten them."""
        now_s = self._mono_s()
        for followed in self.followed.values() if self.is_open else ():
            if followed.book.is_known or now_s - followed.since_s < SILENT_S:
                continue
            followed.since_s = now_s
            self._revive(followed, f"{followed.facts.told.slug} did not come back")

    def _revive(self, followed: FollowedMarket, why: str) -> None:
        """One market is subscribed anew; for the running window's, which is never silent, the channel is opened anew."""
        if followed.facts.told.start_s == self._now_ns() // 10**9 // WINDOW_S * WINDOW_S:
            self._reopen(why)
        else:
            self.again(followed.pair)

    def _reopen(self, why: str) -> None:
        """Not more often than a connection may take to bring its snapshots."""
        if self._mono_s() - self._opened_s >= SILENT_S:
            self.heard.reopened += 1
            self._opened_s = self._mono_s()
            self.reopen(why)

    # --- ends

    def _end(self, condition_id: str, winner: Winner, is_final: bool) -> None:
        """The channel announces, Gamma has the final word: where they differ, it corrects."""
        market, now_ns = self.engine.market(condition_id), self._now_ns()
        assert market is not None, "listed before it ends"
        if market.winner is None:
            self.engine.resolve(condition_id, winner, now_ns, is_final)
            log.event("mirror_resolved", slug=market.slug, winner=winner, final=is_final)
        elif is_final and not market.is_final:
            self.engine.correct(condition_id, winner, now_ns)
        followed = self.followed.pop(condition_id, None)
        if followed is not None:
            self.reader.leave(followed.pair)
        self.house.flush(durable=True)

    # --- what may be asked

    def unknown(self, token: str) -> str:
        """Why nobody can say what this token's book is now; "" when it is known and fresh, or nothing can be traded."""
        market = self.engine.market_of(token)
        if market is None or market.winner is not None:
            return ""
        followed = self.followed.get(market.condition_id)
        if followed is None:
            return "the real market is not followed"
        if followed.facts.untradable:
            return f"the real market cannot be followed: {followed.facts.untradable}"
        why = followed.book.why_not(self._mono_s()) if self.is_open else self.heard.upstream
        return f"{why} (mirror of {followed.facts.told.slug})" if why else ""
