"""executor: the key, the journal, the venue: every cent. `--cancel-only`: no bus, cancel everything, print the proof, leave."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from messages import CancelAll, CancelProof, Word
from messages.inner import (
    CancelOrders,
    GeoblockRead,
    HeartbeatSent,
    MoveGate,
    PollRedeem,
    PostOrder,
    PostResult,
    ReadActivity,
    ReadBalance,
    ReadGeoblock,
    ReadHoldings,
    ReadMarket,
    ReadOpenOrders,
    ReadOrder,
    ReadPastEvents,
    ReadPastWindow,
    ReadTrades,
    Reconnect,
    SendHeartbeat,
    SignOrder,
    SubmitRedeem,
    WarmUp,
)
from messages.units import NS
from polybot.adapters.net.endpoint import Endpoint
from polybot.adapters.net.reads import Known
from polybot.adapters.polymarket.chain import ChainRedeemer
from polybot.adapters.polymarket.channels import PolyBoltSource, UserChannelSource
from polybot.adapters.polymarket.clob import Clob
from polybot.adapters.polymarket.data_api import DataApi
from polybot.adapters.polymarket.effects import AccountEffects
from polybot.adapters.polymarket.gamma import Gamma
from polybot.adapters.polymarket.geoblock import read_geoblock
from polybot.adapters.polymarket.relayer import Relayer, RelayerKey
from polybot.adapters.polymarket.signing import Credentials, OrderSigner, Wallet
from polybot.core.executor import ExecutorCore
from polybot.core.executor.orders.stoppers import halt_text
from polybot.core.market_feed.oracle import ORACLE_SYMBOL
from polybot.runtime.base import log
from polybot.runtime.base.paths import Paths
from polybot.runtime.config import endpoints
from polybot.runtime.loop import offline
from polybot.runtime.loop.context import Context
from polybot.runtime.loop.inbox import Effect, Inbox
from polybot.runtime.loop.loop import run
from polybot.runtime.loop.wiring import Wiring
from polybot.runtime.safety import halt, live_confirmation, wallet
from polybot.runtime.store import heartbeat_id
from polybot.runtime.store.archive import Archive
from polybot.runtime.store.journal import Journal, JournalDamaged
from polybot.runtime.store.recall import persisted
from polybot.settings import Live

LOGIN_S = 20.0
LOGIN_PAUSE_S = 0.05
REFUSED_S = 2.0  # machine time; a venue that starts anew may refuse once
REFUSED = {401: "AUTH", 403: "GEOBLOCK"}  # a login's status → why nobody is to try again
POST_S = 5.0  # machine time; a POST without an answer for so long is unknown
REDEEM_S = 10.0
READ_S = 2.0  # machine time; a read that takes longer is not known, and asked again
PROVE_S = 4.6


@dataclass
class Posting:
    """POST behind the order gate, which is held while the bytes leave. Its turnstile says CODE: sentence."""

    gate: halt.Gate
    clob: Clob

    def __call__(self, word: PostOrder) -> PostResult:
        result = self.gate.send(word.good_until_ns, lambda turnstile: self.clob.post_order(word, turnstile))
        code, _, text = result.text.partition(": ")
        return msgspec.structs.replace(result, code=code, text=text) if result.outcome == "gate" else result


@dataclass
class Beating:
    """The dead-man heartbeat; its newest id stays on disk."""

    paths: Paths
    clob: Clob

    def __call__(self, word: SendHeartbeat) -> HeartbeatSent:
        answer = self.clob.heartbeat(heartbeat_id.with_kept(self.paths, word))
        heartbeat_id.keep(self.paths, answer)
        return answer


def wire(context: Context, inbox: Inbox) -> Wiring:
    """Orders, cancels, heartbeats, reads, the open orders of a proof and redemptions each on a lane and a connection of
    their own. What is read from the public hosts is repeated and may wait (`adapters/net/endpoint.py`), never on the lane
    of the account's reads. The wallet is held by the address that has the money: two keys of one funder would trade the same
    cash.
    """
    settings = context.settings
    key_hex = wallet.key_or_exit(context.paths, settings)
    held, live = Wallet(key_hex), settings.live if settings.bot.profile == "live" else Live()
    funder = _funder_or_exit(live, held)
    if settings.bot.profile == "live" and not context.cancels_only:
        live_confirmation.require_wallet(context.paths, funder)
    wallet.hold_or_exit(funder)
    urls, now_ns = context.endpoints, context.clock.now_ns
    clob = Clob(
        urls["clob"], held, lambda: now_ns() // NS, signature_type=live.signature_type, funder=funder, timeout_s=READ_S
    )
    credentials = _logged_in(context.paths, clob, lambda: read_geoblock(urls["geoblock"], READ_S))
    gate = halt.Gate(context.paths, now_ns)
    posting = Posting(gate, clob.sibling(POST_S))
    hosts = gamma, data_api = tuple(Endpoint(name, urls[name], log.event) for name in ("gamma", "data"))
    cancels, reads, opened, markets = (AccountEffects(clob.sibling(), Gamma(gamma, READ_S)) for _ in range(4))
    polybolt: list[PolyBoltSource] = []
    if "polybolt" in urls:
        polybolt.append(PolyBoltSource(urls["polybolt"], credentials, ORACLE_SYMBOL, inbox, now_ns))

    def reconnect(wish: Reconnect) -> None:
        for source in polybolt:
            source.reconnect(wish.why)

    archive = Archive.of(context.paths.journal)
    data = DataApi(data_api, funder, READ_S)
    if live.signature_type == 0 and settings.bot.profile == "live" and not endpoints.stand_in():
        redeeming: ChainRedeemer | Relayer = ChainRedeemer(key_hex, held.address, credentials)
    else:
        redeeming = _relayer(context, urls["relayer"], held, live.signature_type, funder)
    return Wiring(
        effects={
            PostOrder: Effect(posting, "orders"),
            WarmUp: Effect(lambda _: posting.clob.warm(), "orders"),
            SendHeartbeat: Effect(Beating(context.paths, clob.sibling()), "heartbeats"),
            CancelOrders: Effect(cancels.cancel, "cancels"),
            ReadOpenOrders: Effect(opened.read_open_orders, "open orders"),
            ReadOrder: Effect(reads.read_order, "reads"),
            ReadTrades: Effect(reads.read_trades, "reads"),
            ReadBalance: Effect(reads.read_balance, "reads"),
            ReadMarket: Effect(markets.read_market, "markets"),
            ReadGeoblock: Effect(lambda _: read_geoblock(urls["geoblock"], READ_S), "markets"),
            ReadActivity: Effect(data.activity, "data"),
            ReadHoldings: Effect(data.holdings, "data"),
            SubmitRedeem: Effect(redeeming.submit, "redemptions"),
            PollRedeem: Effect(redeeming.poll, "redemptions"),
            ReadPastEvents: Effect(archive.events, "archive"),
            ReadPastWindow: Effect(archive.window, "archive"),
        },
        sync={
            SignOrder: OrderSigner(held, credentials.api_key, live.signature_type, live.funder).sign,
            MoveGate: lambda word: gate.pause(word.why),
            Reconnect: reconnect,
        },
        sources=[UserChannelSource(urls["ws_user"], credentials, funder, inbox, now_ns), *polybolt],
        hosts=hosts,
        on_persist_failed=gate.close,
        waits_to_leave=True,
    )


def _funder_or_exit(live: Live, held: Wallet) -> str:
    """Who holds the money. Exits 78 where that cannot be meant."""
    funder = live.funder or held.address
    if live.signature_type == 0 and funder.lower() != held.address.lower():
        sys.stderr.write(
            f"live.funder = {funder} is not the key's own address {held.address}: signature type 0 trades its own money; "
            "leave live.funder empty, or set live.signature_type to 1 (proxy), 2 (Safe) or 3 (deposit wallet)\n"
        )
        sys.exit(78)
    return funder


def _logged_in(paths: Paths, clob: Clob, where: Callable[[], GeoblockRead]) -> Credentials:
    """Nobody there: 1, to be started again. Refused by name for REFUSED_S: a halt, and 78, which supervisord leaves alone.

    A 403 may be any firewall's page: it is a refusal only where the geoblock endpoint, asked by `where`, says so.
    """
    began = refused = time.monotonic()
    while not isinstance(answer := clob.login(), Known):
        now = time.monotonic()
        code = REFUSED.get(answer.http)
        refused = refused if code else now
        has_stood = code is not None and now - refused > REFUSED_S
        if has_stood and code == "GEOBLOCK" and not where().blocked:
            has_stood, refused = False, now
        if code and has_stood:
            why = halt_text(code, answer.why)
            halt.write(paths, by="executor", reason_code=code, reason=why)
            sys.stderr.write(f"halted: {why}\n")
            sys.exit(78)
        if now - began > LOGIN_S:
            sys.stderr.write(f"the venue gave no credentials: {answer.why}\n")
            sys.exit(1)
        time.sleep(LOGIN_PAUSE_S)
    return answer.value


def _relayer(context: Context, url: str, held: Wallet, signature_type: int, funder: str) -> Relayer:
    told = wallet.relayer_key_or_exit(context.settings) if signature_type else {}
    no_key = (
        f"the relayer wants a key: make one in the account's settings and put it into "
        f'{wallet.relayer_file(context.settings)}, mode 0600, as {{"key": "…", "address": "…"}}'
    )
    return Relayer(
        url,
        held,
        signature_type,
        funder,
        lambda: context.clock.now_ns() // NS,
        REDEEM_S,
        RelayerKey(**told) if told else None,
        no_key,
    )


def cancel_only() -> int:
    """Under the same lock: the journal's fold, everything cancelled, the proof as one line of JSON."""
    log.talk_on_stderr()
    context, inbox = Context.open("executor", cancels_only=True), Inbox()
    try:
        journal = Journal(context.paths.journal)
    except JournalDamaged as exc:
        sys.stderr.write(f"{exc}\n")
        return 78
    wiring = wire(context, inbox)
    standing = halt.look(context.paths)
    first: list[Word] = [context.started(standing.id if standing else ""), persisted(journal)]
    wish = CancelAll(id="cancel-only", reason="supervision is dead")
    proof = offline.Lone(context, ExecutorCore(), inbox, wiring, journal).until([*first, wish], CancelProof, PROVE_S)
    if proof is None:
        sys.stderr.write(f"nothing could be proven in {PROVE_S} s\n")
        return 1
    sys.stdout.write(msgspec.json.encode(proof).decode() + "\n")
    sys.stdout.flush()
    return 0


def main() -> None:
    """Run the actor until it is told to leave, or cancel everything with --cancel-only."""
    if "--cancel-only" in sys.argv[1:]:
        sys.exit(cancel_only())
    run("executor", ExecutorCore(), wire)


if __name__ == "__main__":
    main()
