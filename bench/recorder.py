"""How many events a second the recorder takes: decode, flight recorder, core, store, SQLite in batches, as in its loop.

python -m bench.recorder [N]: prints events/s for kept messages (every one is written whole) and for market data (sampled).
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from messages import Envelope, Prediction, PriceTick, decode_envelope, encode
from messages.inner import Started, Store
from polybot.core.recorder.core import RecorderCore
from polybot.runtime.loop.stamping import Stamper
from polybot.runtime.store.flight import FlightRecorder
from polybot.runtime.store.index_db import IndexDb
from polybot.settings import Settings

FIRST = 1_795_132_800


def a_prediction(n: int) -> Prediction:
    start_s = FIRST + n % 288 * 300
    return Prediction(
        account="main", strategy="coin", slug=f"btc-updown-5m-{start_s}", condition_id="0x" + "c" * 64, n=n,
        start_s=start_s, end_s=start_s + 300, signal_type="rsi_oversold", label="high", prediction=None, probability=None,
        indicators={"rsi": 27.5, "ema9": 1.0, "ema21": 2.0}, btc_price=100_000.0, strike=100_000.0,
        strike_source="rtds_spot", up_ask_e6=510_000, down_ask_e6=500_000, reason_code="NO_STRIKE",
        reason="no print stamped at the start", decided_ns=n, good_until_ns=n,
    )  # fmt: skip


def a_tick(n: int) -> PriceTick:
    return PriceTick(symbol="btcusdt", price=100_000.0, size=1.0, trade_id=n, traded_ns=n, source="binance")


def measure(make: Any, source: str, topic: str, count: int) -> tuple[float, int]:
    """(events a second, rows on disk)."""
    with tempfile.TemporaryDirectory() as folder:
        core, index = RecorderCore(), IndexDb(Path(folder) / "ledger.sqlite")
        flight, stamper = FlightRecorder(Path(folder) / "flight", 1, 1 << 30), Stamper("recorder", 1)
        config = msgspec.json.encode(Settings()).decode()
        started = Started(actor="recorder", boot=1, config=config, versions={}, mono_s=0.0, speed=60.0, session="")
        for word in (started, index.restored()):
            list(core.handle(word, 0))
        heard = [
            encode(Envelope(source=source, boot=1, seq=n + 1, at_ns=FIRST * 10**9 + n, cause=topic, body=make(n)))
            for n in range(count)
        ]
        began = time.perf_counter()
        for data in heard:
            flight.heard(0, data)
            for said in core.handle(decode_envelope(data), 0):
                flight.said(0, stamper.wrap(said, 0, topic)[1])
                if isinstance(said, Store):
                    index.store(said)
        index.commit()
        took = time.perf_counter() - began
        rows = index.rows_written
        index.close()
    return count / took, rows


def main() -> None:
    """Print both figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    for name, make, source in (("kept", a_prediction, "signal"), ("market", a_tick, "price_feed")):
        rate, rows = measure(make, source, f"{source}:1:x", count)
        print(f"{name:<7} {rate:>9,.0f} events/s   ({count} heard, {rows} rows written)")


if __name__ == "__main__":
    main()
