"""market_feed: markets by REST, books and resolutions by the market channel, oracle prints by RTDS; other clocks."""

from messages import Word
from messages.inner import FetchMarket, ReadClock, Reconnect, Subscribe
from polybot.adapters.clocks.reader import Clocks
from polybot.adapters.clocks.sntp import Sntp
from polybot.adapters.net.endpoint import Endpoint
from polybot.adapters.polymarket.channels import MarketChannelSource
from polybot.adapters.polymarket.clob_public import ClobPublic
from polybot.adapters.polymarket.effects import MarketEffects
from polybot.adapters.polymarket.gamma import Gamma
from polybot.adapters.polymarket.rtds_stream import RtdsSource
from polybot.core.market_feed.core import MarketFeedCore
from polybot.core.market_feed.oracle import ORACLE_SYMBOL
from polybot.runtime.base import log
from polybot.runtime.config import endpoints
from polybot.runtime.loop.context import Context
from polybot.runtime.loop.inbox import Effect, Inbox
from polybot.runtime.loop.loop import run
from polybot.runtime.loop.wiring import Wiring


def wire(context: Context, inbox: Inbox) -> Wiring:
    """Two sockets; reads, subscriptions and clocks on a lane each."""
    urls, now_ns = context.endpoints, context.clock.now_ns
    books = MarketChannelSource(urls["ws_market"], inbox, now_ns)
    oracle = RtdsSource(urls["rtds"], ORACLE_SYMBOL, inbox, now_ns)
    gamma, clob = (Endpoint(name, urls[name], log.event) for name in ("gamma", "clob"))
    reads = MarketEffects(Gamma(gamma), ClobPublic(clob), now_ns)
    sntp = Sntp(endpoints.time_servers(context.settings), now_ns)
    clocks = Clocks(ClobPublic(urls["clob"]), sntp, now_ns)  # a bare address: a clock is read once, at its moment

    def reconnect(wish: Reconnect) -> Word | None:
        (oracle if wish.source == oracle.name else books).reconnect(wish.why)
        return None

    def subscribe(wish: Subscribe) -> None:
        books.subscribe(wish.add, wish.remove)

    return Wiring(
        effects={
            FetchMarket: Effect(reads.fetch, "reads"),
            Subscribe: Effect(subscribe, "subscriptions"),
            ReadClock: Effect(clocks.read, "clocks"),
        },
        sync={Reconnect: reconnect},
        sources=[books, oracle],
        hosts=(gamma, clob),
    )


def main() -> None:
    """Run the actor until it is told to leave."""
    run("market_feed", MarketFeedCore(), wire)


if __name__ == "__main__":
    main()
