"""`orders fills positions account statement`: what the books say."""

import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec

from messages import Account, Done, Positions, Query, Redemption, Snapshot, SnapshotTaken
from polybot.cli.render import tables
from polybot.cli.render.statement import Statement, statement_of
from polybot.cli.support.common import FAILED, NOT_RUNNING, leave, say_json
from polybot.runtime.base.paths import Paths
from polybot.runtime.loop.bus import ask
from polybot.runtime.safety import locks
from polybot.runtime.store.index_read import IndexReader

if TYPE_CHECKING:
    import typer


# --- orders, fills


def orders(as_json: bool) -> None:
    """Every order the executor ever journalled, in its newest state."""
    rows = tables.index_or_leave(Paths.of()).orders()
    if as_json:
        say_json({"orders": rows})
        return
    columns = (
        "time",
        "order",
        "strategy",
        "slug",
        "side",
        "state",
        "stake",
        "limit",
        "filled",
        "cost",
        "fee",
        "posts",
        "why",
    )
    cells = (
        (
            tables.hms(r["updated_ns"]),
            tables.short(r["order_id"]),
            r["strategy"],
            r["slug"],
            f"{r['side']} {r['outcome']}",
            r["state"] if r["final"] else f"{r['state']}…",
            tables.usd(r["stake_e6"]),
            tables.exact(r["limit_e6"]),
            tables.exact(r["filled_e6"]),
            tables.usd(r["cost_e6"]),
            tables.usd(r["fee_e6"]),
            str(r["posts"]),
            f"{r['reason_code']} {r['reason']}".strip() or "-",
        )
        for r in rows
    )
    tables.table(columns, cells, "no orders")


def fills(as_json: bool) -> None:
    """Every trade of ours at the venue."""
    rows = tables.index_or_leave(Paths.of()).fills()
    if as_json:
        say_json({"fills": rows})
        return
    columns = ("time", "trade", "order", "strategy", "slug", "side", "shares", "price", "cost", "fee", "status")
    cells = (
        (
            tables.hms(r["traded_ns"]),
            tables.short(r["trade_id"]),
            tables.short(r["order_id"]),
            r["strategy"],
            r["slug"],
            f"{r['side']} {r['outcome']}",
            tables.exact(r["size_e6"]),
            tables.exact(r["price_e6"]),
            tables.exact(r["cost_e6"]),
            tables.exact(r["fee_e6"]),
            r["status"],
        )
        for r in rows
    )
    tables.table(columns, cells, "no fills")


# --- positions, account


def money_now(paths: Paths) -> tuple[Account, Positions, str]:
    """The executor's own word when it lives, else the last the index heard; and which of the two."""
    if locks.holder(paths, "executor"):
        reply = ask(paths.sockets, "executor", Snapshot(id=f"ctl/snapshot/{time.time_ns()}"), 1.0)
        if isinstance(reply, SnapshotTaken):
            return reply.account, reply.positions, "executor"
    index = tables.index_or_leave(paths)
    account, positions = index.level("Account"), index.level("Positions")
    if not account or not positions:
        leave(NOT_RUNNING, "the executor does not answer, and the index never heard it")
    return (
        msgspec.convert(account[-1]["body"], Account),
        msgspec.convert(positions[-1]["body"], Positions),
        f"index at {tables.hms(account[-1]['at_ns'])}",
    )


def positions(as_json: bool) -> None:
    """Show the shares held, the orders that are not final, and what is still owed."""
    _, held, source = money_now(Paths.of())
    if as_json:
        say_json({"source": source, **_plain(held)})
        return
    columns = ("strategy", "slug", "outcome", "shares", "cost", "state")
    cells = (
        (p.strategy, p.slug, p.outcome, tables.exact(p.size_e6), tables.usd(p.cost_e6), p.state) for p in held.positions
    )
    tables.table(columns, cells, "no positions")
    for order in held.orders:
        sys.stdout.write(
            f"open order {tables.short(order.order_id)} {order.side} {order.outcome} {order.slug} {order.state}\n"
        )
    for owed in held.redemptions:
        sys.stdout.write(f"{owing(owed)}\n")
    for foreign in held.foreign:
        sys.stdout.write(f"not ours: {foreign}\n")
    sys.stdout.write(f"as told by: {source}\n")


def owing(row: Redemption) -> str:
    """What a resolved window still owes the wallet, in one line."""
    tries = f", attempt {row.attempts}" if row.attempts else ""
    why = f": {row.why}" if row.why else ""
    return f"not redeemed yet: {row.slug} owes {tables.usd(row.amount_e6)} USD, {row.state}{tries}{why}"


def account(as_json: bool) -> None:
    """The purse, equity, and what stands in the way of trading."""
    now, _, source = money_now(Paths.of())
    if as_json:
        say_json({"source": source, "account": _plain(now)})
        return
    ready = "ready" if now.ready else f"not ready: {now.why_not_ready}"
    lines = [
        ("account", f"{now.account}, {ready}"),
        ("equity", f"{tables.usd(now.equity_e6)} USD (purse {tables.usd(now.purse_e6)})"),
        ("realised", f"{tables.usd(now.realised_e6, plus=True)} after {tables.usd(now.fees_e6)} fees"),
        ("free / reserved", f"{tables.usd(now.free_e6)} / {tables.usd(now.reserved_e6)}"),
        ("positions / claims", f"{tables.usd(now.positions_e6)} / {tables.usd(now.claims_e6)}"),
        ("wallet", tables.usd(now.wallet_e6)),
        ("peak / worst drawdown", f"{tables.usd(now.peak_equity_e6)} / {tables.usd(now.max_drawdown_e6)}"),
        ("orders", f"{now.open_orders} open, {len(now.unknown_orders)} unknown, {now.unresolved} windows unresolved"),
    ]
    for name, streak in now.streaks.items():
        lines.append((name, f"{streak.trades} trades, {streak.won} won, {streak.lost} lost, streak {streak.wins}"))
    if now.halted:
        lines.append(("halted", now.halt_reason))
    lines.append(("as told by", f"{source}, journal {now.journal_seq}"))
    for name, text in lines:
        sys.stdout.write(f"{name:<22} {text}\n")


# --- statement


def current_statement(paths: Paths) -> Statement:
    """The account as now, against every event of the journal up to the same sequence."""
    now, _, source = money_now(paths)
    if source == "executor":
        wish = Query(id=f"ctl/statement/{time.time_ns()}", upto_journal_seq=now.journal_seq)
        reply = ask(paths.sockets, "recorder", wish, 3.0)
        if not (isinstance(reply, Done) and reply.ok):
            why = reply.reason if isinstance(reply, Done) else "the recorder does not answer"
            sys.stderr.write(f"the index may lack the newest events: {why}\n")
    index: IndexReader = tables.index_or_leave(paths)
    return statement_of(now, index.money(now.journal_seq), source)


def statement(as_json: bool) -> None:
    """Double entry: every cent that moved, and that start + payouts − cost − fees is the cash there is. 1 if it is not."""
    made = current_statement(Paths.of())
    if as_json:
        say_json(made.facts())
    else:
        columns = ("time", "what", "debit", "credit", "amount", "cash")
        tables.table(columns, made.cells(), "no money has moved yet")
        sys.stdout.write(made.sum_text())
    if made.difference_e6:
        leave(FAILED)


def _plain(word: object) -> dict[str, Any]:
    facts: dict[str, Any] = msgspec.to_builtins(word)
    facts.pop("type", None)
    return facts


def register(app: "typer.Typer") -> None:
    """Add `orders`, `fills`, `positions`, `account` and `statement` to the command line."""
    from polybot.cli.support.options import add_verb_with_json

    for verb in (orders, fills, positions, account, statement):
        add_verb_with_json(app, verb)
