"""What market_feed said before we listened: markets and windows are said once, kept, and asked again by `Resend`.

Asked at start, and a few times for each window a decision misses one of: whoever joined late or lost a word hears it then.
Not more often, for an answer costs market_feed a walk through its recording. One question a topic at a time, with a pause
of machine time between two. An answer may be older than what the bus has brought since it was
written: see `is_news`.
"""

from collections.abc import Iterator

from messages import BadBytes, MarketListed, MarketResolved, Resend, Resent, WindowObserved, Word, decode_envelope
from messages.inner import AskListings, NoReply, Tick, WakeIn
from messages.units import NS
from polybot.core.market.view import MarketView
from polybot.core.market.windows import WINDOW_S
from polybot.topology import speaker_of

SPEAKER = speaker_of(MarketListed).name
BACK_S = 960  # a market is described when it is the second next
PAUSE_S = 0.25
MOST_A_WINDOW = 3


class Listings:
    """asker names the actor and its boot in ids; windows_back: how many windows further back than that it wants to know."""

    def __init__(
        self, asker: str, topics: tuple[str, ...] = ("MarketListed/", "WindowObserved/"), windows_back: int = 0
    ) -> None:
        self._prefix = f"{asker}/listings/"
        self._topics = topics
        self._back_ns = (BACK_S + windows_back * WINDOW_S) * NS
        self._asked = 0
        self._open: dict[str, tuple[str, int, int]] = {}  # request id → topic, since_ns, skip
        self._pausing = False
        self._about, self._times = "", 0

    def ask(self, now_ns: int, about: str = "") -> Iterator[Word]:
        """Everything of the last windows, unless a question is under way or has just been. about: the window missed."""
        if about != self._about:
            self._about, self._times = about, 0
        if self._open or self._pausing or self._times >= MOST_A_WINDOW:
            return
        self._times += 1
        for topic in self._topics:
            yield self._page(topic, now_ns - self._back_ns, 0)

    def hear(self, word: Word) -> Iterator[Word]:
        """Answers to us, silence, our timer; anything else is not for us."""
        match word:
            case Resent() if word.id in self._open:
                topic, since_ns, skip = self._open.pop(word.id)
                if word.more:
                    yield self._page(topic, since_ns, skip + len(word.envelopes))
                elif not self._open:
                    yield from self._pause()
            case NoReply() if word.id in self._open:
                del self._open[word.id]
                if not self._open:
                    yield from self._pause()
            case Tick(timer=AskListings()):
                self._pausing = False

    def _page(self, topic: str, since_ns: int, skip: int) -> Resend:
        self._asked += 1
        request = Resend(id=f"{self._prefix}{self._asked}", to=SPEAKER, topic=topic, since_ns=since_ns, skip=skip)
        self._open[request.id] = (topic, since_ns, skip)
        return request

    def _pause(self) -> Iterator[Word]:
        self._pausing = True
        yield WakeIn(timer=AskListings(), after_s=PAUSE_S)


Said = MarketListed | WindowObserved | MarketResolved


def words_of(resent: Resent) -> list[Said]:
    """The newest of each kind and window, in the order first said."""
    newest: dict[tuple[str, str], Said] = {}
    for data in resent.envelopes:
        try:
            body = decode_envelope(data).body
        except BadBytes:
            continue  # another build's recording; what it said is then simply not known
        if isinstance(body, Said):
            newest[(type(body).__name__, body.slug)] = body
    return list(newest.values())


def is_news(word: Said, view: MarketView) -> bool:
    """Does an answer tell what the bus has not? What was heard live is never replaced, except that an absent strike may be."""
    if isinstance(word, MarketListed):
        return word.slug not in view.markets
    if isinstance(word, MarketResolved):
        return word.slug not in view.winners
    known = view.windows.get(word.slug)
    return known is None or (known.strike is None and word.strike is not None)
