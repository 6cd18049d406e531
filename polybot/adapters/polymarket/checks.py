"""Doctor's checks of the world: the public ones, which any visitor may make, and the wallet's own. They only read; the one
thing that may come into being is the wallet's API key, where it never had one (facts §2.1).
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import msgspec

from messages import OraclePrice
from messages.inner import ForCheckup, ReadHoldings
from messages.units import NS, decimal_text, usd_text
from polybot.adapters.net.http import HttpConnection, HttpError
from polybot.adapters.net.reads import Empty, Known, Unknown
from polybot.adapters.polymarket import eip712
from polybot.adapters.polymarket.clob import Clob
from polybot.adapters.polymarket.clob_public import ClobPublic, answered
from polybot.adapters.polymarket.data_api import DataApi
from polybot.adapters.polymarket.eip712 import address_word
from polybot.adapters.polymarket.gamma import Gamma
from polybot.adapters.polymarket.market_parser import listed_of
from polybot.adapters.polymarket.numbers import GARBAGE
from polybot.adapters.polymarket.rtds_stream import RtdsSource
from polybot.core.checks import Check, failed, passed, unknown
from polybot.core.market.windows import STALE_ORACLE_S, WINDOW_S, slug_of, staleness_s
from polybot.core.market_feed.clock_offset import Doubt, proven_by_second

READ_S = 5.0  # machine time, each read
MAX_OFFSET_S = 0.5  # rules §6: beyond it live sends no new orders
CLOCK_LOOKS = 10  # the venue tells whole seconds: several looks bound its clock from both sides
CLOCK_PAUSE_S = 0.13
ORACLE_S = 8.0  # machine time in which a print must come; they come each second
LEAST_POL_E18 = 10**16  # 0.01 POL: some redemptions at the usual price of gas
ADAPTER = "0xAdA100Db00Ca00073811820692005400218FcE1f"  # CtfCollateralAdapter, which redeems (facts §1.1)
CONDITIONAL_TOKENS = "0x4D97DCd97eC945f40cF65F87097ACe5EA0476045"  # the shares' contract
IS_APPROVED = "0xe985e9c5"  # isApprovedForAll(owner, operator)
REACH = "is the network up, and the venue? Try again"


# --- what anybody may ask


def geoblock(url: str) -> Check:
    """May one trade from this address? (facts §12.4)"""
    name = "geoblock"
    try:
        match answered(HttpConnection(url, READ_S).read("")):
            case Known({"blocked": bool(blocked), **rest}):
                where = str(rest.get("country") or "an unnamed country")
            case Unknown(why):
                return unknown(name, why, REACH)
            case other:
                return unknown(name, f"unreadable answer: {other!r:.100}", REACH)
    except HttpError as exc:
        return unknown(name, str(exc), REACH)
    if blocked:
        return failed(
            name, f"the venue takes no orders from {where}", "this machine is in the wrong place to trade from"
        )
    return passed(name, f"open from {where}")


def clock_offset(read_s: Callable[[], Known[int] | Unknown], now_ns: Callable[[], int], speed: float) -> Check:
    """Ours against the venue's. Each look bounds it, since the venue tells whole seconds: several narrow it."""
    name, doubt = "clock", Doubt(-(2**62), 2**62)
    limit = staleness_s(MAX_OFFSET_S, speed)
    for look in range(CLOCK_LOOKS):
        if look:
            time.sleep(CLOCK_PAUSE_S)
        sent_ns, told, received_ns = now_ns(), read_s(), now_ns()
        if isinstance(told, Unknown):
            return unknown(name, told.why, REACH)
        narrowed = doubt.narrowed(proven_by_second(sent_ns, received_ns, told.value))
        if narrowed is None:
            return unknown(name, "two answers contradict each other: a clock was set meanwhile", "try again")
        doubt = narrowed
    least, most = doubt.least_ns / NS, doubt.most_ns / NS
    seen = f"ours is {least:+.2f} to {most:+.2f} s ahead of the venue's; {limit:g} s are allowed"
    if most < -limit or least > limit:
        return failed(name, seen, "set this machine's clock: timedatectl set-ntp true")
    if least < -limit or most > limit:
        return unknown(name, seen, "the answers took too long to tell: try again")
    return passed(name, seen)


def market_rule(gamma: Gamma, clob: ClobPublic, now_ns: int) -> tuple[Check, str]:
    """Is the running window's market one whose rule we know? And the id of its Up token, "" when there is none."""
    name, slug = "market rule", slug_of(now_ns // NS // WINDOW_S * WINDOW_S)
    match gamma.market(slug):
        case Empty():
            return unknown(
                name, f"Gamma lists no market {slug}", "is the venue's series still called so? See markets"
            ), ""
        case Unknown(why):
            return unknown(name, f"{slug}: {why}", REACH), ""
        case Known(shown):
            pass
    compact = clob.clob_market(str(shown.get("conditionId", "")))
    if not isinstance(compact, Known) or not isinstance(compact.value, dict):
        why = compact.why if isinstance(compact, Unknown) else "the CLOB does not know it"
        return unknown(name, f"{slug}: {why}", REACH), ""
    try:
        market = listed_of(shown, compact.value)
    except GARBAGE as exc:
        mend = "the venue changed the form of its markets: wait for a version that knows it"
        return failed(name, f"{slug} cannot be read: {type(exc).__name__} {exc}", mend), ""
    if market.rule is None:
        mend = "the venue changed its rule: read it, then wait for a version whose table has a row for it"
        return failed(name, f"{slug}: {market.rule_why}", mend), market.up_token
    return passed(name, f"{slug} settles by {market.rule}"), market.up_token


@dataclass
class _Newest:
    """An inbox that keeps the newest print."""

    heard: OraclePrice | None = None
    said: str = ""

    def put(self, word: object, conflate: str | None = None) -> None:
        if isinstance(word, OraclePrice) and (self.heard is None or word.observed_ns > self.heard.observed_ns):
            self.heard = word
        elif why := getattr(word, "why", ""):
            self.said = why


def oracle(url: str, symbol: str, now_ns: Callable[[], int], speed: float) -> Check:
    """Do the prints of this oracle arrive, and are they new?"""
    name, limit = "oracle", staleness_s(STALE_ORACLE_S, speed)
    inbox = _Newest()
    source = RtdsSource(url, symbol, inbox, now_ns)
    source.start()
    age_s, deadline = float("inf"), time.monotonic() + ORACLE_S
    while age_s > limit and time.monotonic() < deadline:
        time.sleep(0.05)
        if inbox.heard is not None:
            age_s = (now_ns() - inbox.heard.observed_ns) / NS
    source.stop()
    if inbox.heard is None:
        why = f"no print of {symbol} within {ORACLE_S:g} s{f': {inbox.said}' if inbox.said else ''}"
        return unknown(name, why, REACH)
    seen = f"{symbol} at {inbox.heard.price:,.2f}, {age_s:.1f} s old; {limit:g} s are allowed"
    if age_s > limit:
        return failed(name, seen, "the stream is late, or this machine's clock is ahead: see `clock`")
    return passed(name, seen)


# --- what only the wallet may ask


@dataclass(frozen=True)
class Ours:
    """What this folder's books know as ours, in lower case: order ids and tokens."""

    order_ids: Collection[str] = ()
    tokens: Collection[str] = ()


@dataclass
class WalletChecks:
    """One wallet's checks. need_e6: the first stake with its worst fee; token: a running market's, for the shares' approval."""

    clob: Clob
    data: DataApi
    signature_type: int
    need_e6: int
    token: str
    ours: Ours

    def checks(self) -> list[Check]:
        """Everything, in order; without credentials all the rest is unknown."""
        found = self.clob.login()
        if isinstance(found, Unknown):
            mend = "does the key belong to an account of this venue? " + REACH
            names = ("balance", "allowance pUSD", "allowance shares", "foreign orders", "foreign positions")
            blind = [unknown(name, "not asked: no credentials", "see `credentials`") for name in names]
            return [unknown("credentials", found.why, mend), *blind]
        return [
            passed("credentials", "derived"),
            self.balance(),
            self.allowance("allowance pUSD", "pUSD", ""),
            self.allowance("allowance shares", "shares", self.token),
            self.foreign_orders(),
            self.foreign_positions(),
        ]

    def balance(self) -> Check:
        """Enough for one stake; the purse may be smaller or larger."""
        self.clob.refresh_balance()
        read = self.clob.balance()
        if isinstance(read, Unknown):
            return unknown("balance", read.why, REACH)
        have, need = read.value[0], self.need_e6
        seen = f"{usd_text(have)} USD, the first stake with its fee needs {usd_text(need)}"
        if have < need:
            mend = (
                "deposit pUSD; or live.signature_type and live.funder name another wallet than the one with the money"
            )
            return failed("balance", seen, mend)
        return passed("balance", seen)

    def allowance(self, name: str, what: str, token: str) -> Check:
        """Each spender the venue shows. The exchange contract that the running market's orders are signed for must be
        among them; the others are named, since they may spend too.
        """
        if what == "shares" and not token:
            return unknown(name, "no running market to ask about", "see `market rule`")
        read = self.clob.allowances(token)
        if isinstance(read, Unknown):
            return unknown(name, read.why, REACH)
        shown = ", ".join(f"{_spender(a)} {_allowed(v)}" for a, v in sorted(read.value.items())) or "none shown"
        exchange = eip712.EXCHANGE_V3 if self.token and eip712.is_position_id(int(self.token)) else eip712.EXCHANGE
        if read.value.get(exchange.lower(), 0) < self.need_e6:
            mend = f"approve {exchange} as a spender of {what} once, on polymarket.com: trade there by hand"
            return failed(
                name, f"the {_spender(exchange.lower())}, which takes our orders, may not spend {what}: {shown}", mend
            )
        return passed(name, shown)

    def foreign_orders(self) -> Check:
        """Orders at the venue that this folder's books never knew."""
        name, read = "foreign orders", self.clob.open_orders()
        if isinstance(read, Unknown):
            return unknown(name, read.why, REACH)
        foreign = [o.order_id for o in read.value if o.order_id.lower() not in self.ours.order_ids]
        if foreign:
            seen = f"{len(foreign)} open that this folder never sent: {', '.join(foreign[:3])}"
            return failed(name, seen, "cancel them, or give the bot a wallet of its own")
        return passed(name, f"{len(read.value)} open, all ours")

    def foreign_positions(self) -> Check:
        """Shares of tokens that this folder's books never ordered."""
        name, read = "foreign positions", self.data.holdings(ReadHoldings(purpose=ForCheckup()))
        if not read.known:
            return unknown(name, read.why, REACH)
        foreign = {t: n for t, n in read.shares.items() if t not in self.ours.tokens and n}
        if foreign:
            shown = ", ".join(f"{decimal_text(n)} of {t[:12]}…" for t, n in list(foreign.items())[:3])
            return failed(
                name, f"{len(foreign)} held that this folder never bought: {shown}", "sell or redeem them first"
            )
        return passed(name, f"{len(read.shares)} held, all ours")


def _spender(address: str) -> str:
    known = {
        eip712.EXCHANGE.lower(): "CTF Exchange",
        eip712.NEG_RISK_EXCHANGE.lower(): "neg-risk exchange",
        eip712.EXCHANGE_V3.lower(): "Exchange V3",
        ADAPTER.lower(): "CtfCollateralAdapter",
    }
    return known.get(address, address)


def _allowed(value_e6: int) -> str:
    return "unlimited" if value_e6 >= 10**15 else usd_text(value_e6)


# --- the chain


def gas(address: str, rpc: str) -> Check:
    """A wallet of type 0 pays its own gas to redeem. Of the others the relayer pays it."""
    name, asked = "POL for gas", _chain(rpc, "eth_getBalance", [address, "latest"])
    if isinstance(asked, Unknown):
        mend = f"see for yourself that {address} holds a little POL on Polygon; without it winners are not redeemed"
        return unknown(name, asked.why, mend, blocks=False)
    seen = f"{asked.value / 10**18:.4f} POL, {LEAST_POL_E18 / 10**18:g} are wanted"
    if asked.value < LEAST_POL_E18:
        return failed(name, seen, f"send a little POL to {address} on Polygon: winners are redeemed with it")
    return passed(name, seen)


def redeemer(address: str, rpc: str) -> Check:
    """May the contract that redeems take the wallet's shares? The CLOB does not show this spender; the chain does."""
    name = "allowance redeem"
    data = IS_APPROVED + (address_word(address) + address_word(ADAPTER)).hex()
    asked = _chain(rpc, "eth_call", [{"to": CONDITIONAL_TOKENS, "data": data}, "latest"])
    if isinstance(asked, Unknown):
        mend = "see that a winner was redeemed once by the site, or by `polybot-ctl redeem`"
        return unknown(name, asked.why, mend, blocks=False)
    if not asked.value:
        mend = f"approve {ADAPTER} as an operator of your outcome tokens once: redeem anything on polymarket.com"
        return failed(name, "CtfCollateralAdapter may not take shares: winners cannot be redeemed", mend)
    return passed(name, "CtfCollateralAdapter unlimited")


def _chain(rpc: str, method: str, params: list[object]) -> Known[int] | Unknown:
    """One number that a node of Polygon tells."""
    body = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    try:
        response = HttpConnection(rpc, READ_S).exchange("POST", "", {}, body)
        return Known(int(str(msgspec.json.decode(response.body)["result"]), 16))
    except HttpError as exc:
        return Unknown(f"{rpc}: {exc}")
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError, ValueError) as exc:
        return Unknown(f"{rpc} did not tell: {type(exc).__name__}")
