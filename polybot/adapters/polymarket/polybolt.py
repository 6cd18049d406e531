"""PolyBolt, Polymarket's reference prices: the settlement TWAP, for those who show CLOB API credentials (facts §8.2). Pure.

Who holds the socket: the executor. PolyBolt wants API credentials, these can cancel orders, and secrets are read by the
executor alone: they stand on no bus, in no file and in no other actor's environment. Handing market_feed a file
of them would have broken that; a throw-away wallet with credentials of its own would have registered an account at the venue
at every start. So the executor subscribes and says each print on the bus (`OracleRelayed`: a print, never a secret), at one
or two small words a second; market_feed, which alone judges prints, takes it as the strike chain's first link (rules §3).
Without the executor there is RTDS, as there is where no credentials are good for this host (paper).

The exact price is a decimal text (official migration guide and SDK); an integer × 1e18 as RTDS writes it is understood too,
told apart by the float beside it. A print carried forward is no new print. `price.crypto` is another vendor's price and not
asked for.
"""

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from messages import OraclePrice, SettleRule
from messages.units import MS
from polybot.adapters.net.bad_frame import BadFrame
from polybot.adapters.polymarket.numbers import GARBAGE

if TYPE_CHECKING:  # whoever hears public frames alone needs no curve and no hash
    from polybot.adapters.polymarket.signing import Credentials

CHANNEL = "price.crypto.twap"
WINDOW_S = 60
FEEDS: dict[int, SettleRule] = {30: "twap30", 60: "twap60"}
SOURCE = "polybolt"
PING = '{"op":"ping"}'
FINAL_CLOSES = (4001, 4008)  # the credentials, or we ourselves, must be mended before another attempt
DRAINING, DRAIN_S = 4003, 10.0
_DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,30})?")
_INTEGER = re.compile(r"[0-9]{13,40}")
_AGREE = 1e-6
_MOST_USD = 10**9


class PolyBoltRefused(BadFrame):
    """An error acknowledgement from PolyBolt; `code` is the server's."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the server said: {code}")
        self.code = code


class Frames:
    """One connection's frames as prints; `symbol` as the rest of the bot writes it ("btc/usd")."""

    def __init__(self, symbol: str) -> None:
        self.symbol, self._wire = symbol, symbol.replace("/", "")
        self._seq = 0

    def begin(self) -> None:
        """Start the sequence anew: a new connection counts its frames from the beginning."""
        self._seq = 0

    def auth(self, credentials: "Credentials") -> str:
        """The first frame of a connection, with the credentials; never to be logged."""
        shown = {
            "apiKey": credentials.api_key,
            "secret": credentials.secret,
            "passphrase": credentials.passphrase,
        }
        return _json({"op": "auth", "rid": "auth", "auth": shown})

    def subscribe(self) -> str:
        """Once authenticated: brings the last two minutes, then updates."""
        return _json({"op": "subscribe", "rid": "subscribe", "subscriptions": [self._item()]})

    def unsubscribe(self) -> str:
        """Before subscribing again: only a new subscription brings a snapshot."""
        return _json({"op": "unsubscribe", "rid": "unsubscribe", "subscriptions": [self._item()]})

    def _item(self) -> dict[str, Any]:
        return {"channel": CHANNEL, "filter": {"symbol": self._wire, "window_seconds": WINDOW_S}}

    def read(self, text: str, received_ns: int) -> "FrameOutcome":
        """What one frame says: prints, or an acknowledgement. Raises BadFrame, PolyBoltRefused on an error frame."""
        try:
            shown = msgspec.json.decode(text)
            match shown.get("op"):
                case None:
                    return self._data(shown, received_ns)
                case "error":
                    raise PolyBoltRefused(str(shown.get("code"))[:40])
                case op:
                    return FrameOutcome(ack=str(op))
        except BadFrame:
            raise
        except (msgspec.MsgspecError, UnicodeError, RecursionError, ArithmeticError, *GARBAGE) as exc:
            raise BadFrame(f"{type(exc).__name__} {exc}: {text:.80}") from exc

    def _data(self, shown: dict[str, Any], received_ns: int) -> "FrameOutcome":
        if shown["v"] != 1:
            raise BadFrame(f"envelope version {shown['v']!r:.20} is not 1")
        if shown["channel"] != CHANNEL:
            return FrameOutcome()
        seq, before = shown["seq"], self._seq
        if not isinstance(seq, int):
            raise BadFrame(f"seq {seq!r:.20}")
        self._seq = seq
        payload = shown["payload"]
        if str(payload["symbol"]).lower() != self._wire:
            return FrameOutcome()
        if payload.get("source", "chainlink") != "chainlink":
            raise BadFrame(f"source {payload['source']!r:.20} is not the oracle that settles")
        feed = FEEDS[payload["window_seconds"]]
        points = payload["data"] if shown.get("snapshot") is True else [payload]
        prints = tuple(
            self._print(feed, point, received_ns) for point in points if point.get("is_carried_forward") is not True
        )
        lost = max(int(shown.get("dropped", 0)), seq - before - 1)
        return FrameOutcome(prints=prints, lost=lost)

    def _print(self, feed: SettleRule, point: dict[str, Any], received_ns: int) -> OraclePrice:
        value_e18 = _exact_e18(point["full_accuracy_value"], float(point["value"]))
        stamp = point["timestamp"]
        if not isinstance(stamp, int) or not 0 < stamp < 10**14:
            raise BadFrame(f"print stamped {stamp!r:.40}")
        return OraclePrice(
            symbol=self.symbol,
            feed=feed,
            price=value_e18 / 1e18,
            value_e18=str(value_e18),
            observed_ns=stamp * MS,
            received_ns=received_ns,
            source=SOURCE,
        )


class FrameOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a frame came to. ack: "authed", "subscribed", "pong", …; lost: frames that never came before this one."""

    ack: str = ""
    prints: tuple[OraclePrice, ...] = ()
    lost: int = 0


def _exact_e18(text: object, about: float) -> int:
    """USD × 1e18, by the exact text in whichever of its two spellings agrees with the float beside it."""
    if isinstance(text, str) and 0 < about < _MOST_USD:
        found = []
        if _DECIMAL.fullmatch(text):
            found.append(int(Decimal(text) * 10**18))
        if _INTEGER.fullmatch(text):
            found.append(int(text))
        for value_e18 in found:
            if abs(value_e18 / 1e18 - about) <= _AGREE * about:
                return value_e18
    raise BadFrame(f"exact price {text!r:.40} beside {about!r:.40}")


def _json(frame: dict[str, Any]) -> str:
    return msgspec.json.encode(frame).decode()
