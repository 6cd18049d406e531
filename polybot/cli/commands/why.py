"""`why ID`: one chain from the tick to the settlement, with every refusal. Walks messages by window and strategy; `cause`
names what each speaker was handling when it spoke.
"""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from messages.units import decimal_text, usd_text
from polybot.cli.render import tables
from polybot.cli.support.common import FAILED, leave, say_json
from polybot.runtime.base.paths import Paths
from polybot.runtime.store.index_read import IndexReader, Row

if TYPE_CHECKING:
    import typer

from polybot.runtime.store.index_version import IndexUnusable


@dataclass(frozen=True)
class Step:
    """One link. refused: it ended the chain. name and cause as on the bus; "" when only the journal told it."""

    at_ns: int
    step: str
    source: str
    text: str
    name: str = ""
    cause: str = ""
    refused: bool = False
    body: Any = None

    def facts(self) -> dict[str, Any]:
        """The step's fields as a JSON object, for programs."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def chain(index: IndexReader, slug: str, strategy: str) -> list[Step]:
    """The steps of one strategy's window, in the order of the path of money."""
    said = [m for m in index.messages_of(slug) if m["strategy"] in ("", strategy)]
    money = [m for m in index.money_of(slug) if m["strategy"] == strategy]
    steps = _market(said)
    predictions = [m for m in said if m["tag"] == "Prediction"]
    if not predictions:
        predictions = _carried(money)
    for prediction in predictions[:1]:
        steps += _ticks(index, prediction)
    steps += [_prediction(m) for m in predictions]
    steps += _signal([m for m in said if m["tag"] == "Signal"])
    steps += [_allocation(m) for m in said if m["tag"] == "Allocation"]
    steps += [_verdict(m) for m in said if m["tag"] == "RiskVerdict"]
    steps += _order(money)
    steps += [_fill(m) for m in money if m["tag"] == "Fill"]
    steps += _outcome(said)
    return steps + [_settlement(m) for m in money if m["tag"] == "Settlement"]


def _step(row: Row, step: str, text: str, *, refused: bool = False) -> Step:
    source = row.get("source") or (row["name"].partition(":")[0] if row["name"] else "journal")
    return Step(row["at_ns"], step, source, text, row["name"], row["cause"], refused, row["body"])


def _market(said: list[Row]) -> list[Step]:
    listed = [m for m in said if m["tag"] == "MarketListed"]
    steps = []
    for m in listed[:1]:
        b = m["body"]
        rule = b["rule"] or f"unknown ({b['rule_why']})"
        books = ", synthetic books" if b["synthetic_books"] else ""
        fee = f"fee rate {decimal_text(b['fee']['rate_e6'])}" if b["fee"] else "no fee schedule"
        text = f"market {b['condition_id'][:14]}…, rule {rule}, tick {decimal_text(b['tick_e6'])}, {fee}{books}"
        steps.append(_step(m, "market", text))
    strikes = [m for m in said if m["tag"] == "WindowObserved" and m["body"]["strike"] is not None]
    unknown = [m for m in said if m["tag"] == "WindowObserved" and m["body"]["strike"] is None]
    for m in strikes[:1] or unknown[-1:]:
        b = m["body"]
        known = (
            f"strike {tables.price(b['strike'])} from {b['strike_source']}" if b["strike"] is not None else "no strike"
        )
        steps.append(_step(m, "strike", f"{known}{': ' + b['why'] if b['why'] and b['strike'] is None else ''}"))
    return steps


def _ticks(index: IndexReader, prediction: Row) -> list[Step]:
    """What the decision was made on: its price, its book, and the message whose arrival made it."""
    b = prediction["body"]
    until_ns = b["decided_ns"]
    found = [
        index.newest_sample("PriceTick/", until_ns, "traded_ns", b["price_ns"] or until_ns),
        index.newest_sample(f"Book/{b['slug']}", until_ns, "received_ns", b["book_ns"] or until_ns),
        index.named(prediction["cause"]),
    ]
    steps, names = [], []
    for m in found:
        if m is not None and m["name"] not in names:
            names.append(m["name"])
            steps.append(_step(m, "tick", _tick_text(m["tag"], m["body"])))
    return steps


def _tick_text(tag: str, b: Any) -> str:
    match tag:
        case "PriceTick":
            return f"{b['symbol']} traded at {tables.price(b['price'])}, {tables.hms(b['traded_ns'])}"
        case "Book":
            up, down = _best(b["up_bids"], b["up_asks"]), _best(b["down_bids"], b["down_asks"])
            return f"book UP {up}, DOWN {down}"
        case "OraclePrice":
            return f"oracle {b['feed']} {tables.price(b['price'])} for {tables.hms(b['observed_ns'])}"
        case "Candle":
            return f"{b['interval_s']} s bar of {b['symbol']} closed at {tables.price(b['close'])}"
        case _:
            return tag


def _best(bids: list[list[int]], asks: list[list[int]]) -> str:
    bid = decimal_text(bids[0][0]) if bids else "none"
    ask = decimal_text(asks[0][0]) if asks else "none"
    return f"{bid}/{ask}"


def _carried(money: list[Row]) -> list[Row]:
    """The prediction as the journal carries it, when the message itself is gone."""
    for m in money:
        if m["tag"] == "OrderUpdate" and m["body"].get("intent"):
            said = m["body"]["intent"]["prediction"]
            return [{**m, "at_ns": said["decided_ns"], "body": said, "name": "", "cause": "", "tag": "Prediction"}]
    return []


def _prediction(m: Row) -> Step:
    b = m["body"]
    marks = ", ".join(f"{k} {v:g}" for k, v in b["indicators"].items())
    seen = (
        f"btc {tables.price(b['btc_price'])}, strike {tables.price(b['strike'])}"
        f", asks {tables.exact(b['up_ask_e6'])}/{tables.exact(b['down_ask_e6'])}{', ' + marks if marks else ''}"
    )
    if b["reason_code"]:
        return _step(m, "prediction", f"{b['reason_code']}: {b['reason']} ({seen})", refused=True)
    chance = f", probability {b['probability']:.3f}" if b["probability"] is not None else ""
    text = f"{b['strategy']} says {b['prediction']} by {b['signal_type']} ({b['label'] or 'no label'}{chance}); {seen}"
    return _step(m, "prediction", f"{text}{': ' + b['reason'] if b['reason'] else ''}")


def _signal(said: list[Row]) -> list[Step]:
    if not said:
        return []
    b = said[0]["body"]
    times = f", said {len(said)} times" if len(said) > 1 else ""
    return [_step(said[0], "signal", f"{b['outcome']}, good until {tables.hms(b['good_until_ns'])}{times}")]


def _allocation(m: Row) -> Step:
    b = m["body"]
    if b["reason_code"]:
        return _step(m, "size", f"{b['reason_code']}: {b['reason']}", refused=True)
    text = f"stake {usd_text(b['stake_e6'])} USD by {b['sizing']} (streak {b['win_streak']})"
    return _step(m, "size", f"{text}, limit {decimal_text(b['limit_e6'])}, {decimal_text(b['size_e6'])} shares")


def _verdict(m: Row) -> Step:
    b = m["body"]
    if b["approved"]:
        return _step(m, "verdict", f"approved {b['intent_id']}")
    return _step(m, "verdict", f"{b['reason_code']}: {b['reason']}", refused=True)


def _order(money: list[Row]) -> list[Step]:
    steps = []
    for m in money:
        if m["tag"] != "OrderUpdate":
            continue
        b = m["body"]
        filled = f", filled {decimal_text(b['filled_e6'])} for {decimal_text(b['cost_e6'])}" if b["filled_e6"] else ""
        why = f": {b['reason_code']} {b['reason']}".rstrip() if b["reason_code"] or b["reason"] else ""
        text = f"{b['state']} {b['side']} {b['outcome']} ≤ {decimal_text(b['limit_e6'])}{filled}{why}, {b['order_id']}"
        refused = b["state"] == "REJECTED" or (b["final"] and not b["filled_e6"])
        steps.append(_step(m, "order", f"#{m['journal_seq']} {text}", refused=refused))
    return steps


def _fill(m: Row) -> Step:
    b = m["body"]
    text = f"{decimal_text(b['size_e6'])} at {decimal_text(b['price_e6'])} = {decimal_text(b['cost_e6'])} USD"
    text += f", fee {decimal_text(b['fee_e6'])}, {b['status']}, trade {b['trade_id'][:14]}"
    return _step(m, "fill", f"#{m['journal_seq']} {text}", refused=b["status"] == "FAILED")


def _outcome(said: list[Row]) -> list[Step]:
    """The end print's provisional word, and the venue's."""
    steps = []
    ended = [m for m in said if m["tag"] == "WindowObserved" and m["body"]["outcome"]]
    for m in ended[:1]:
        b = m["body"]
        how = "inferred" if b["inferred"] else "provisional"
        move = f", {b['move_bp']:+.1f} bp" if b["move_bp"] is not None else ""
        steps.append(_step(m, "outcome", f"{b['outcome']} ({how}): end print {tables.price(b['end_price'])}{move}"))
    for m in [m for m in said if m["tag"] == "MarketResolved"][:1]:
        steps.append(_step(m, "outcome", f"{m['body']['winner']} by the venue's word"))
    return steps


def _settlement(m: Row) -> Step:
    b = m["body"]
    how = "provisional" if b["provisional"] else _how_final(b)
    text = (
        f"{b['outcome']}, held {b['held']}: {'won' if b['win'] else 'lost'}, {how}, payout {usd_text(b['payout_e6'])}"
    )
    text += (
        f", P&L {tables.usd(b['pnl_e6'], plus=True)}, streak {b['win_streak']}{', corrected' if b['corrected'] else ''}"
    )
    return _step(m, "settlement", f"#{m['journal_seq']} {text}")


def _how_final(b: Any) -> str:
    if not b["paid"]:
        return "final, not yet paid"
    return "final and paid" if b["payout_e6"] else "final"


# --- the verb


def why(ident: str, as_json: bool, full: bool) -> None:
    """Why this was traded, or was not: from tick to settlement, with every refusal."""
    index = tables.index_or_leave(Paths.of())
    try:
        slug, strategy = index.slug_of(ident)
    except IndexUnusable as exc:
        leave(FAILED, str(exc))
    rows = [r for r in index.windows() if r["slug"] == slug and strategy in ("", r["strategy"])]
    strategies = [r["strategy"] for r in rows] or [strategy]
    told = [(s, next((r for r in rows if r["strategy"] == s), None), chain(index, slug, s)) for s in strategies]
    if as_json:
        say_json({"id": ident, "slug": slug, "why": [_facts(s, row, steps) for s, row, steps in told]})
        return
    for name, row, steps in told:
        _print(slug, name, row, steps, full)


def _facts(strategy: str, row: Row | None, steps: list[Step]) -> dict[str, Any]:
    return {"strategy": strategy, "row": row, "chain": [s.facts() for s in steps]}


def _print(slug: str, strategy: str, row: Row | None, steps: list[Step], full: bool) -> None:
    out = tables.console()
    number = f"window {row['n']}, " if row and row["n"] else ""
    out.print(f"[bold]{slug}[/bold] ({number}{strategy or 'no strategy'})")
    for s in steps:
        mark = "[red]✗[/red]" if s.refused else " "
        out.print(f"{mark} [dim]{tables.hms(s.at_ns)}[/dim] {s.step:<10} [cyan]{s.source:<11}[/cyan] ", end="")
        out.print(s.text, markup=False, soft_wrap=True)
        if full and s.name:
            out.print(f"{'':26}{s.name}  ← {s.cause or '-'}", markup=False, soft_wrap=True, style="dim")
    if row is None:
        sys.stdout.write("no row yet\n")
    else:
        verdict = f"{row['reason_code']}: {row['reason']}" if row["reason_code"] else row["reason"]
        out.print(f"→ {row['state']}: {verdict}", markup=False, soft_wrap=True, style="bold")


def register(app: "typer.Typer") -> None:
    """Add `why` to the command line."""
    from typing import Annotated

    from typer import Argument, Option

    from polybot.cli.support.options import AsJson

    def run(
        ident: Annotated[str, Argument(metavar="ID", help="Order id (or its head), intent id, window slug or number.")],
        as_json: AsJson = False,
        full: Annotated[bool, Option("--full", help="Also name each message and its cause.")] = False,
    ) -> None:
        why(ident, as_json, full)

    app.command("why", help=why.__doc__)(run)
