"""What the CLOB says of our trades, where a test wants all of it understood."""

from messages.inner import VenueTrade
from polybot.adapters.net.reads import Known, Unknown
from polybot.adapters.polymarket.clob import Clob


def trades_of(clob: Clob) -> Known[tuple[VenueTrade, ...]] | Unknown:
    """Every line, or unknown where a row among them is."""
    match clob.trade_rows():
        case Known((lines, ())):
            return Known(lines)
        case Known((_, (first, *_))):
            return Unknown(first.why)
        case Unknown() as unknown:
            return unknown
    raise AssertionError("a read is known or unknown")
