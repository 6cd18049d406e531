"""What the books say: rows, money to the cent, the chain of why, the report; from an index written by the recorder's core."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from messages import (
    Account,
    Allocation,
    Book,
    Envelope,
    Fill,
    MarketResolved,
    OrderIntent,
    OrderUpdate,
    Positions,
    Prediction,
    PriceTick,
    RiskVerdict,
    Settlement,
    Signal,
    Streak,
    WindowObserved,
    Word,
    name_of,
    topic_of,
)
from messages.inner import NoteCounts, Started, Store, Tick
from polybot.cli.commands import books, export, report, why, windows
from polybot.cli.render import equity_svg
from polybot.cli.render.statistics import wilson
from polybot.core.recorder.core import RecorderCore
from polybot.runtime.store.index_db import IndexDb
from polybot.settings import Settings
from polybot.topology import TABLE

S = 1_000_000_000
FIRST = 1_795_132_800
WINDOWS = 6
SESSION = {
    "id": "demo-1", "profile": "demo", "strategies": ["rsi_ema"], "first_window_s": FIRST, "windows": WINDOWS, "seed": 7,
    "tape": "", "speed": 60.0, "started_ns": 1,
}  # fmt: skip


def slug(n: int) -> str:
    return f"btc-updown-5m-{FIRST + (n - 1) * 300}"


class Session:
    """Says a whole session to a recorder, whose rows go into a real ledger. Wins windows 1 and 3, loses 2, skips the rest."""

    def __init__(self, state: Path) -> None:
        self.core, self.ledger = RecorderCore(), IndexDb(state / "ledger.sqlite")
        self.now_ns, self._seq, self.jseq = FIRST * S, dict[str, int](), 0
        self.cash_e6 = 0
        started = Started(actor="recorder", boot=1, config=msgspec.json.encode(Settings()).decode(), versions={},
                          mono_s=0.0, speed=60.0, session=json.dumps(SESSION))  # fmt: skip
        self.hear(started)
        self.hear(self.ledger.restored())

    def hear(self, word: Word | Envelope) -> None:
        for said in self.core.handle(word, self.now_ns):
            if isinstance(said, Store):
                self.ledger.store(said)

    def say(self, word: Any, cause: str = "") -> str:
        source = next(a.name for a in TABLE if type(word) in a.says)
        seq = self._seq[topic_of(word)] = self._seq.get(topic_of(word), 0) + 1
        envelope = Envelope(source=source, boot=1, seq=seq, at_ns=self.now_ns, cause=cause, body=word)
        self.hear(envelope)
        return name_of(envelope)

    def decide(self, n: int, cause: str, **over: Any) -> Prediction:
        start_s = FIRST + (n - 1) * 300
        base: dict[str, Any] = {
            "account": "main", "strategy": "rsi_ema", "slug": slug(n), "condition_id": "0xc", "n": n, "start_s": start_s,
            "end_s": start_s + 300, "signal_type": "rsi_oversold", "label": "high", "prediction": "UP", "probability": None,
            "indicators": {"rsi": 27.5}, "btc_price": 100_010.5, "strike": 100_000.0, "strike_source": "rtds_spot",
            "up_ask_e6": 510_000, "down_ask_e6": 500_000, "reason_code": "", "reason": "", "decided_ns": self.now_ns,
            "good_until_ns": self.now_ns + 3 * S,
        }  # fmt: skip
        said = Prediction(**base | over)
        self.say(said, cause)
        return said

    def window(self, n: int, outcome: Any, trade: bool, refusal: tuple[str, str] = ("", "")) -> None:
        self.now_ns = (FIRST + (n - 1) * 300 + 10) * S
        seen: dict[str, Any] = {"slug": slug(n), "start_s": FIRST + (n - 1) * 300, "end_s": FIRST + n * 300,
                                "strike_e18": "1", "strike": 100_000.0, "strike_source": "rtds_spot"}  # fmt: skip
        self.say(WindowObserved(**seen))
        tick = self.say(
            PriceTick(symbol="btcusdt", price=100_010.5, size=1.0, trade_id=n, traded_ns=self.now_ns, source="b")
        )
        self.say(Book(slug=slug(n), condition_id="0xc", up_bids=((500_000, 1),), up_asks=((510_000, 1),), down_bids=(),
                      down_asks=((500_000, 1),), venue_ns=self.now_ns, received_ns=self.now_ns))  # fmt: skip
        said = self.decide(n, tick) if trade or refusal[0] == "RANGE" else None
        if said is None:
            self.decide(n, tick, prediction=None, reason_code=refusal[0], reason=refusal[1])
        elif not trade:
            self._size(said)
            self.say(self._verdict(said, *refusal))
        else:
            self._trade(said, outcome)
        self.now_ns = (FIRST + n * 300 + 2) * S
        self.say(WindowObserved(**seen, end_e18="2", end_price=100_050.0, outcome=outcome, move_bp=5.0, ended=True))
        self.say(
            MarketResolved(slug=slug(n), condition_id="0xc", winner=outcome, resolved_ns=self.now_ns, source="gamma")
        )

    def _size(self, said: Prediction) -> None:
        self.say(Signal(prediction=said, outcome="UP", token_id="t", good_until_ns=said.good_until_ns, cancel_at_ns=0))
        self.say(Allocation(account="main", strategy="rsi_ema", slug=said.slug, intent_id=f"main/rsi_ema/{said.slug}/1",
                            stake_e6=5_000_000, limit_e6=530_000, size_e6=9_433_900, win_streak=0, sizing="base",
                            reason_code="", reason=""))  # fmt: skip

    def _verdict(self, said: Prediction, code: str, reason: str) -> RiskVerdict:
        return RiskVerdict(intent_id=f"main/rsi_ema/{said.slug}/1", account="main", strategy="rsi_ema", slug=said.slug,
                           approved=not code, reason_code=code, reason=reason, judged_ns=self.now_ns)  # fmt: skip

    def _trade(self, said: Prediction, outcome: str) -> None:
        self._size(said)
        self.say(self._verdict(said, "", ""))
        n = said.n
        ids: dict[str, Any] = {"account": "main", "strategy": "rsi_ema", "slug": said.slug}
        ids_order = ids | {"order_id": f"0xfeed{n:060d}", "intent_id": f"main/rsi_ema/{said.slug}/1", "token_id": "t",
                           "outcome": "UP", "side": "BUY"}  # fmt: skip
        intent = OrderIntent(
            id=ids_order["intent_id"], condition_id="0xc", token_id="t", outcome="UP", side="BUY", order_type="FAK",
            stake_e6=5_000_000, limit_e6=530_000, maker_e6=5_000_000, taker_e6=9_433_900, worst_e6=5_350_000,
            fee_rate_e6=70_000, fee_exponent=1, neg_risk=False, start_s=said.start_s, end_s=said.end_s,
            good_until_ns=0, cancel_at_ns=0, win_streak=0, prediction=said, **ids,
        )  # fmt: skip
        for state, filled in (("JOURNALLED", 0), ("MATCHED", 1)):
            self.jseq += 1
            self.say(OrderUpdate(state=state, final=bool(filled), filled_e6=9_800_000 * filled, cost_e6=5_000_000 * filled,
                                 fee_e6=171_500 * filled, reserved_e6=0, limit_e6=530_000, stake_e6=5_000_000,
                                 reason_code="", reason="", posts=1, updated_ns=self.now_ns, journal_seq=self.jseq,
                                 intent=intent, **ids_order))  # type: ignore[arg-type] # fmt: skip
        for status in ("MATCHED", "CONFIRMED"):
            self.jseq += 1
            self.say(Fill(trade_id=f"trade-{n}", size_e6=9_800_000, price_e6=510_204, cost_e6=5_000_000, fee_e6=171_500,
                          status=status, traded_ns=self.now_ns, journal_seq=self.jseq, **ids_order))  # type: ignore[arg-type] # fmt: skip
        payout = 9_800_000 if outcome == "UP" else 0
        for provisional in (True, False):
            self.jseq += 1
            self.say(Settlement(start_s=said.start_s, end_s=said.end_s, outcome=outcome, provisional=provisional,
                                paid=not provisional, corrected=False, held="UP", cost_e6=5_000_000, fee_e6=171_500,
                                payout_e6=payout, pnl_e6=payout - 5_171_500, win=payout > 0, win_streak=int(payout > 0),
                                settled_ns=(said.end_s + 2) * S, journal_seq=self.jseq, **ids))  # type: ignore[arg-type] # fmt: skip
        self.cash_e6 += payout - 5_171_500

    def close(self, cash_off_e6: int = 0) -> None:
        self.say(an_account(self.jseq, self.cash_e6 + cash_off_e6))
        self.say(Positions(account="main", positions=(), orders=(), foreign=(), journal_seq=self.jseq))
        self.hear(Tick(timer=NoteCounts(), mono_s=1.0))
        self.ledger.close()


def an_account(seq: int, cash_pnl_e6: int) -> Account:
    streak = Streak(wins=1, losses=0, known=True, last_slug="", last_move_bp=None, trades=3, won=2, lost=1)
    return Account(
        account="main", ready=True, why_not_ready="", purse_e6=100_000_000, wallet_e6=1_000_000_000,
        cash_pnl_e6=cash_pnl_e6, free_e6=100_000_000 + cash_pnl_e6, reserved_e6=0, positions_e6=0, claims_e6=0,
        equity_e6=100_000_000 + cash_pnl_e6, realised_e6=cash_pnl_e6, peak_equity_e6=104_628_500,
        max_drawdown_e6=5_171_500, fees_e6=514_500, streaks={"rsi_ema": streak}, halted=False, halt_reason="",
        unknown_orders=(), open_orders=0, unresolved=0, late=0, blocked_slugs=(), last_window_s=0, day="", day_pnl_e6=0,
        reconciled_ns=0, journal_seq=seq, venue_state="ok",
    )  # fmt: skip


def a_session(state: Path, cash_off_e6: int = 0) -> Session:
    said = Session(state)
    said.window(1, "UP", True)
    said.window(2, "DOWN", True)
    said.window(3, "UP", True)
    said.window(4, "DOWN", False, ("NO_STRIKE", "no print stamped at the start"))
    said.window(5, "UP", False, ("RANGE", "range 3.10 % > max_range_pct = 3.00"))
    said.close(cash_off_e6)
    return said


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POLYBOT_STATE", str(tmp_path))
    (tmp_path / "run").mkdir()
    (tmp_path / "session.json").write_text(json.dumps(SESSION))
    a_session(tmp_path)
    return tmp_path


def ctl(*argv: str) -> Any:
    app = typer.Typer()
    for family in (windows, books, why, report, export):
        family.register(app)
    return CliRunner().invoke(app, list(argv))


def of(*argv: str) -> Any:
    done = ctl(*argv, "--json")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["v"] == 1
    return facts


def test_windows_says_every_field_of_the_rules_and_a_reason_for_each_row(state: Path) -> None:
    rows = of("windows")["windows"]
    fields = [
        "n",
        "slug",
        "start_s",
        "strategy",
        "signal_type",
        "label",
        "probability",
        "indicators",
        "btc_price",
        "strike",
        "strike_source",
        "up_ask_e6",
        "down_ask_e6",
        "prediction",
        "reason_code",
        "reason",
        "stake_e6",
        "limit_e6",
        "order_id",
        "filled_e6",
        "price_e6",
        "fee_e6",
        "settle",
        "outcome",
        "provisional",
        "win_streak",
        "pnl_e6",
        "equity_before_e6",
        "equity_after_e6",
    ]
    assert all(set(fields) <= set(r) for r in rows)
    assert [r["state"] for r in rows] == ["traded", "traded", "traded", "skipped", "skipped"]
    assert [r["reason_code"] for r in rows] == ["", "", "", "NO_STRIKE", "RANGE"] and all(r["reason"] for r in rows)
    assert [r["pnl_e6"] for r in rows] == [4_628_500, -5_171_500, 4_628_500, 0, 0]
    assert rows[-1]["equity_after_e6"] == 104_085_500 and not rows[-1]["provisional"]


def test_tables_are_plain_when_piped(state: Path) -> None:
    for verb in ("windows", "orders", "fills", "positions", "account", "statement"):
        done = ctl(verb)
        assert done.exit_code == 0 and "\x1b" not in done.stdout, verb
    assert "NO_STRIKE: no print stamped at the start" in ctl("windows").stdout


def test_the_statement_adds_up_to_nothing_left(state: Path) -> None:
    facts = of("statement")
    assert facts["difference_e6"] == 0 and facts["balanced"]
    assert (
        facts["start_e6"] + facts["payouts_e6"] - facts["cost_e6"] - facts["fees_e6"] == facts["cash_e6"] == 104_085_500
    )
    assert facts["shares_e6"] == 0 and facts["result_e6"] == 4_600_000
    assert "balanced" in ctl("statement").stdout


@pytest.mark.parametrize("off_e6", [-1, 1])
def test_the_statement_fails_by_a_millionth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, off_e6: int) -> None:
    monkeypatch.setenv("POLYBOT_STATE", str(tmp_path))
    a_session(tmp_path, off_e6)
    done = ctl("statement")
    assert done.exit_code == 1 and "DIFFERENCE" in done.stdout


def test_a_failed_trade_is_booked_back_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYBOT_STATE", str(tmp_path))
    said = Session(tmp_path)
    fill = Fill(account="main", trade_id="t", order_id="0x1", intent_id="i", strategy="coin", slug=slug(1), token_id="t",
                outcome="UP", side="BUY", size_e6=10_000_000, price_e6=500_000, cost_e6=5_000_000, fee_e6=175_000,
                status="MATCHED", traded_ns=1, journal_seq=1)  # fmt: skip
    said.say(fill)
    said.say(msgspec.structs.replace(fill, status="FAILED", journal_seq=2))
    said.jseq = 2
    said.close()
    facts = of("statement")
    assert len(facts["statement"]) == 4 and facts["cash_e6"] == 100_000_000 and facts["balanced"]


def test_a_correction_moves_cash_only_once_the_wallet_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYBOT_STATE", str(tmp_path))
    said = Session(tmp_path)
    said.window(1, "UP", True)
    said.jseq += 1
    said.say(Settlement(account="main", strategy="rsi_ema", slug=slug(1), start_s=FIRST, end_s=FIRST + 300, outcome="DOWN",
                        provisional=False, paid=False, corrected=True, held="UP", cost_e6=5_000_000, fee_e6=171_500,
                        payout_e6=0, pnl_e6=-5_171_500, win=False, win_streak=0, settled_ns=1,
                        journal_seq=said.jseq))  # fmt: skip
    said.close()
    facts = of("statement")
    assert facts["balanced"] and facts["cash_e6"] == 104_628_500, "the venue's payout is still in the wallet"
    assert ctl("windows").stdout.count("-5.17") == 1


def test_why_tells_the_chain_from_tick_to_settlement(state: Path) -> None:
    told = of("why", f"0xfeed{1:060d}")["why"]
    assert len(told) == 1
    steps = [s["step"] for s in told[0]["chain"]]
    path = ["strike", "tick", "prediction", "signal", "size", "verdict", "order", "fill", "outcome", "settlement"]
    assert list(dict.fromkeys(steps)) == path
    prediction = next(s for s in told[0]["chain"] if s["step"] == "prediction")
    assert prediction["cause"] in [s["name"] for s in told[0]["chain"] if s["step"] == "tick"]
    text = ctl("why", "0xfeed").stdout
    assert "nothing called" in ctl("why", "0xfeed").output and text == "", "three orders begin like that"
    text = ctl("why", slug(1)).stdout
    assert (
        "approved" in text
        and "won, final and paid" in text
        and "→ traded: bought 9.8 UP" in text
        and "\x1b" not in text
    )


@pytest.mark.parametrize(
    ("ident", "words"),
    [
        (slug(4), "→ skipped: NO_STRIKE: no print stamped at the start"),
        ("5", "✗ .* verdict .* RANGE: range 3.10 % > max_range_pct = 3.00"),
        (f"main/rsi_ema/{slug(5)}/1", "→ skipped: RANGE"),
        ("trade-2", "lost, final,"),
    ],
)
def test_why_explains_skips_and_takes_any_name(state: Path, ident: str, words: str) -> None:
    done = ctl("why", ident)
    assert done.exit_code == 0 and re.search(words, done.stdout), done.output


def test_why_knows_what_it_does_not_know(state: Path) -> None:
    done = ctl("why", "0xnothing")
    assert done.exit_code == 1 and "nothing called '0xnothing'" in done.output


def test_the_report_says_first_that_it_proves_nothing(state: Path) -> None:
    waits = {"decision": {"count": 5, "total_ms": 12.5, "max_ms": 4.0, "timeouts": 0}}
    (state / "run" / "waits.json").write_text(json.dumps({"waits": waits, "behind_s": 0.0, "thinned": {"quotes": 9}}))
    done = ctl("report")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "synthetic books: no evidence of profit"
    assert "equity      104.09 USD from 100.00" in lines
    assert "hit rate    66.7%, 95 % interval 20.8% to 93.9%; it takes 52.8% to break even at the prices paid" in lines
    assert any(re.match(r"decision +5 +12 +4 +0", line) for line in lines)
    assert any("price 9 s (limit 2 s)" in line for line in lines), "speed 60 stretches 2 s to 9 s"
    assert "balanced" in done.stdout
    curve = (state / "report" / "equity.svg").read_text()
    assert curve.startswith("<svg") and curve.count("<circle") == 3 + 2


def test_the_report_as_json_and_as_one_page(state: Path, tmp_path: Path) -> None:
    facts = of("report")
    assert facts["all"]["won"] == 2 and facts["all"]["lost"] == 1 and facts["equity"]["drawdown_e6"] == 5_171_500
    assert {r["reason_code"] for r in facts["refusals"]} == {"NO_STRIKE", "RANGE"}
    done = ctl("report", "--html", str(tmp_path / "page.html"))
    assert done.exit_code == 0 and "<svg" in (tmp_path / "page.html").read_text()


def test_wilson_is_the_textbook_interval() -> None:
    assert wilson(0, 0) is None
    low, high = wilson(7, 12) or (0.0, 0.0)
    assert abs(low - 0.3195) < 5e-4 and abs(high - 0.8067) < 5e-4
    assert (wilson(5, 5) or (0, 0))[1] == 1.0


def test_drawdowns_are_below_the_highest_so_far() -> None:
    assert equity_svg.drawdowns_e6([100, 90, 110, 105, 80]) == [0, 10, 0, 5, 30]


def test_export_writes_the_text_files(state: Path, tmp_path: Path) -> None:
    done = ctl("export", "--out", str(tmp_path / "out"))
    assert done.exit_code == 0
    assert len((tmp_path / "out" / "predictions.jsonl").read_text().splitlines()) == 5
    assert [json.loads(t)["n"] for t in (tmp_path / "out" / "trades.jsonl").read_text().splitlines()] == [1, 2, 3]
    assert (tmp_path / "out" / "equity_curve.csv").read_text().splitlines()[1].endswith("4.6285,104.6285,0")


def test_the_wrong_state_folder_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYBOT_STATE", str(tmp_path / "nowhere"))
    for verb in ("windows", "orders", "report", "account"):
        done = ctl(verb)
        assert done.exit_code == 4 and "there is no index" in done.output, verb
