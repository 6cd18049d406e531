"""price_feed: the exchange's trades, candles, depth and day by one websocket; what it missed, and who stands in, by REST."""

from messages import Word
from messages.inner import FetchCandles, FetchDay, FetchPrice, PriceFetched, Reconnect, SourceChanged
from polybot.adapters.net.endpoint import Endpoint
from polybot.adapters.prices.binance import WEIGHT_LIMIT, BinanceRest
from polybot.adapters.prices.binance_stream import BinanceSource
from polybot.adapters.prices.coinbase import Coinbase
from polybot.adapters.prices.coingecko import CoinGecko
from polybot.core.price_feed.core import SYMBOL, PriceFeedCore
from polybot.runtime.base import log
from polybot.runtime.loop.context import Context
from polybot.runtime.loop.inbox import Effect, Inbox
from polybot.runtime.loop.loop import run
from polybot.runtime.loop.wiring import Wiring

POLL_S = 2.0  # machine; an answer that takes longer is no news


def wire(context: Context, inbox: Inbox) -> Wiring:
    """One socket; klines, the newest price and the day each on a lane of their own, so that no retry delays a poll."""
    urls, now_ns = context.endpoints, context.clock.now_ns
    hosts = {name: Endpoint(name, urls[name], log.event) for name in ("binance", "coinbase", "coingecko")}
    hosts["binance"].limit = WEIGHT_LIMIT
    stream = BinanceSource(urls["binance_ws"], SYMBOL, inbox, now_ns)
    klines, day, newest = (
        BinanceRest(hosts["binance"]),
        BinanceRest(hosts["binance"]),
        BinanceRest(hosts["binance"], POLL_S),
    )
    coinbase, coingecko = Coinbase(hosts["coinbase"], now_ns, POLL_S), CoinGecko(hosts["coingecko"], POLL_S)

    def price(wish: FetchPrice) -> PriceFetched:
        match wish.source:
            case "binance_rest":
                return newest.price(SYMBOL, now_ns())
            case "coinbase":
                return coinbase.price()
            case "coingecko":
                return coingecko.price()

    def reconnect(wish: Reconnect) -> Word | None:
        stream.reconnect(wish.why)
        return None

    def announce(change: SourceChanged) -> Word | None:
        log.event("price_source_changed", was=change.was, now=change.now, why=change.why)
        return None

    return Wiring(
        effects={
            FetchCandles: Effect(klines.fetch, "klines"),
            FetchPrice: Effect(price, "newest price"),
            FetchDay: Effect(day.day, "day"),
        },
        sync={Reconnect: reconnect, SourceChanged: announce},
        sources=[stream],
        hosts=tuple(hosts.values()),
    )


def main() -> None:
    """Run the actor until it is told to leave."""
    run("price_feed", PriceFeedCore(), wire)


if __name__ == "__main__":
    main()
