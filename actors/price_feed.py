"""price_feed: the exchange's trades, candles and depth, by one websocket; what it missed, by REST."""

from messages import Word
from messages.inner import FetchCandles, Reconnect
from polybot.adapters.binance import BinanceRest
from polybot.adapters.sources import BinanceSource
from polybot.core.price_feed import SYMBOL, PriceFeedCore
from polybot.runtime.actor import Wiring, run
from polybot.runtime.context import Context
from polybot.runtime.inbox import Effect, Inbox


def wire(context: Context, inbox: Inbox) -> Wiring:
    """One socket, one lane for klines."""
    stream = BinanceSource(context.endpoints["binance_ws"], SYMBOL, inbox, context.clock.now_ns)
    klines = BinanceRest(context.endpoints["binance"])

    def reconnect(wish: Reconnect) -> Word | None:
        stream.reconnect(wish.why)
        return None

    return Wiring(
        effects={FetchCandles: Effect(klines.fetch, "klines")},
        sync={Reconnect: reconnect},
        sources=[stream],
    )


def main() -> None:
    """Turn until told to leave."""
    run("price_feed", PriceFeedCore(), wire)


if __name__ == "__main__":
    main()
