"""Reads a recorded day from disk: `*-prices-*.csv.gz` and `*-markets-*.jsonl.gz` in one folder.

A tape is taken whole or not at all: a missing folder or file, a truncated archive or one bad row is a `TapeError` whose
text names the file and the line.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from polybot.sim.world.tape import TapeMarket, TapePrint, TapeWorld
from polybot.sim.world.world import Rule, Winner, WorldMarket

MS = 1_000_000
PRICE_COLUMNS = ["feed_ts_ms", "value", "full_accuracy_value", "server_ts_ms", "recv_ms"]
OUTCOMES: dict[tuple[str, str], Winner] = {("1", "0"): "UP", ("0", "1"): "DOWN", ("0.5", "0.5"): "SPLIT"}


class TapeError(Exception):
    """The tape cannot be used: the operator must give another folder or mend the file."""


def open_tape(folder: str | Path, seed: int = 0) -> TapeWorld:
    """The world of a recorded day; raises TapeError."""
    where = Path(folder)
    if not where.is_dir():
        raise TapeError(f"tape folder {where} does not exist")
    prices, markets = _one(where, "*-prices-*.csv.gz"), _one(where, "*-markets-*.jsonl.gz")
    return TapeWorld(read_prints(prices), read_markets(markets), seed)


def read_prints(path: Path) -> list[TapePrint]:
    """The oracle's prints, strictly increasing by second; raises TapeError."""
    rows = _lines(path)
    header = next(rows, (1, ""))[1].split(",")
    if header != PRICE_COLUMNS:
        raise TapeError(f"{path} line 1: columns are {','.join(header)}, expected {','.join(PRICE_COLUMNS)}")
    prints: list[TapePrint] = []
    for number, line in rows:
        cells = line.split(",")
        if len(cells) != len(PRICE_COLUMNS):
            raise TapeError(
                f"{path} line {number}: {len(cells)} values in place of {len(PRICE_COLUMNS)}: {line[:80]!r}"
            )
        try:
            feed_ms, value, server_ms, recv_ms = int(cells[0]), int(cells[2]), int(cells[3]), int(cells[4])
        except ValueError as exc:
            raise TapeError(f"{path} line {number}: {exc}") from exc
        if feed_ms % 1000 or value <= 0 or not feed_ms <= server_ms or not feed_ms <= recv_ms:
            raise TapeError(f"{path} line {number}: not a print of a whole second with later stamps: {line[:80]!r}")
        if prints and feed_ms // 1000 <= prints[-1].observed_s:
            raise TapeError(f"{path} line {number}: second {feed_ms // 1000} does not follow {prints[-1].observed_s}")
        prints.append(TapePrint(feed_ms // 1000, value, server_ms * MS, recv_ms * MS))
    if not prints:
        raise TapeError(f"{path}: no prints")
    return prints


def read_markets(path: Path) -> list[TapeMarket]:
    """The recorded markets in a file; raises TapeError, naming the line that is wrong."""
    markets: list[TapeMarket] = []
    for number, line in _lines(path):
        try:
            markets.append(market_of(json.loads(line)))
        except (KeyError, TypeError, ValueError) as exc:
            reason = f"no field {exc}" if isinstance(exc, KeyError) else str(exc)
            raise TapeError(f"{path} line {number}: {reason}") from exc
    if not markets:
        raise TapeError(f"{path}: no markets")
    return markets


def market_of(row: dict[str, Any]) -> TapeMarket:
    """One line of the markets' file; raises KeyError, TypeError or ValueError when it does not fit."""
    raw = row["raw"]
    outcome = OUTCOMES.get(tuple(map(str, row["outcome_prices"])))  # type: ignore[arg-type]
    if not row["resolved"] or outcome is None:
        raise ValueError(f"{row['slug']} has no official outcome: {row['outcome_prices']}")
    fee = raw["feeSchedule"]
    strike = row["strike_value"]
    up, down = (str(t) for t in row["token_ids"])
    market = WorldMarket(
        slug=str(row["slug"]),
        market_id=str(raw["id"]),
        condition_id=str(row["condition_id"]),
        up_token=up,
        down_token=down,
        start_s=int(row["start_sec"]),
        end_s=int(row["end_sec"]),
        rule=rule_of(raw),
        fee_rate_e6=round(float(fee["rate"]) * 1e6),
        fee_exponent=int(fee["exponent"]),
        min_size_e6=round(float(raw["orderMinSize"]) * 1e6),
        raw=json.dumps(raw, separators=(",", ":")),
    )
    return TapeMarket(market, int(strike) if strike is not None else None, outcome, _closed_s(raw.get("closedTime")))


def rule_of(raw: dict[str, Any]) -> Rule:
    """How a market settles: by the spot print unless its own configuration says TWAP, then over its look-back."""
    config = raw.get("cryptoMarketConfig") or {}
    if not config.get("twapEnabled"):
        return "spot"
    lookback = config.get("twapLookbackSeconds")
    rules: dict[object, Rule] = {30: "twap30", 60: "twap60"}
    if lookback not in rules:
        raise ValueError(f"twapLookbackSeconds is {lookback!r}, known are 30 and 60")
    return rules[lookback]


def _closed_s(text: str | None) -> int:
    if not text:
        return 0
    return int(datetime.strptime(text + "00", "%Y-%m-%d %H:%M:%S%z").timestamp())


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        names = ", ".join(p.name for p in found) or "none"
        raise TapeError(f"tape folder {folder} must hold exactly one {pattern}, found: {names}")
    return found[0]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """(line number, text without its end). A last line without its end was cut off."""
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith("\n"):
                    raise TapeError(f"{path} line {number}: the row is cut off: {line[:80]!r}")
                yield number, line.rstrip("\r\n")
    except (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError, OSError) as exc:
        raise TapeError(f"{path} after line {number}: {exc}") from exc
