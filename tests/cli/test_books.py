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
    Envelope,
    Fill,
    OrderIntent,
    OrderUpdate,
    Outcome,
    Prediction,
    RiskVerdict,
    Settlement,
    Word,
    name_of,
    topic_of,
)
from messages.inner import NoteCounts, Store, Tick
from polybot.cli.commands import books, export, report, why, windows
from polybot.cli.render import equity_svg
from polybot.cli.render.statistics import wilson
from polybot.core.recorder.core import RecorderCore
from polybot.runtime.store.index_db import IndexDb
from polybot.settings import Settings
from polybot.topology import TABLE
from tests.build import (
    T0,
    a_book,
    a_fill,
    a_prediction,
    a_resolution,
    a_settlement,
    a_signal,
    a_start,
    a_streak,
    a_tick,
    a_verdict,
    a_window,
    an_account,
    an_allocation,
    an_intent,
    an_order,
    nth,
    of_intent,
    positions,
)

S = 1_000_000_000
WINDOWS = 6
SESSION = {
    "id": "demo-1", "profile": "demo", "strategies": ["coin"], "first_window_s": T0, "windows": WINDOWS, "seed": 7,
    "tape": "", "speed": 60.0, "started_ns": 1,
}  # fmt: skip


def slug(n: int) -> str:
    return nth(n)["slug"]


class Session:
    """Says a whole session to a recorder, whose rows go into a real ledger. Wins windows 1 and 3, loses 2, skips the rest."""

    def __init__(self, state: Path) -> None:
        self.core, self.index = RecorderCore(), IndexDb(state / "ledger.sqlite")
        self.now_ns, self._seq, self.jseq = T0 * S, dict[str, int](), 0
        self.cash_e6 = 0
        config = msgspec.json.encode(Settings()).decode()
        started = a_start(actor="recorder", config=config, speed=60.0, session=json.dumps(SESSION))
        self.hear(started)
        self.hear(self.index.restored())

    def hear(self, word: Word | Envelope) -> None:
        for said in self.core.handle(word, self.now_ns):
            if isinstance(said, Store):
                self.index.store(said)

    def say(self, word: Any, cause: str = "") -> str:
        source = next(a.name for a in TABLE if type(word) in a.says)
        seq = self._seq[topic_of(word)] = self._seq.get(topic_of(word), 0) + 1
        envelope = Envelope(source=source, boot=1, seq=seq, at_ns=self.now_ns, cause=cause, body=word)
        self.hear(envelope)
        return name_of(envelope)

    def decided(self, n: int) -> Prediction:
        return a_prediction(**nth(n), n=n, decided_ns=self.now_ns, good_until_ns=self.now_ns + 3 * S)

    def window(self, n: int, outcome: Outcome, trade: bool, refusal: tuple[str, str] = ("", "")) -> None:
        self.now_ns = (nth(n)["start_s"] + 10) * S
        self.say(a_window(**nth(n)))
        tick = self.say(a_tick(trade_id=n, traded_ns=self.now_ns))
        self.say(a_book(slug=slug(n), down_bids=(), received_ns=self.now_ns))
        if trade or refusal[0] == "RANGE":
            said = self.decided(n)
            self.say(said, tick)
            self.say(a_signal(prediction=said, good_until_ns=said.good_until_ns))
            intent = an_intent(**nth(n), id=f"main/coin/{slug(n)}/1", prediction=said)
            self.say(an_allocation(slug=slug(n), intent_id=intent.id))
            self.say(self._verdict(intent, *refusal))
            if trade:
                self._trade(n, intent, outcome)
        else:
            skipped = msgspec.structs.replace(
                self.decided(n), prediction=None, reason_code=refusal[0], reason=refusal[1]
            )
            self.say(skipped, tick)
        self.now_ns = (nth(n)["end_s"] + 2) * S
        self.say(a_window(**nth(n), end_e18="2", end_price=64_050.0, outcome=outcome, move_bp=5.0, ended=True))
        self.say(a_resolution(slug=slug(n), winner=outcome, resolved_ns=self.now_ns, source="gamma"))

    def _verdict(self, intent: OrderIntent, code: str, reason: str) -> RiskVerdict:
        return a_verdict(
            intent_id=intent.id,
            slug=intent.slug,
            approved=not code,
            reason_code=code,
            reason=reason,
            judged_ns=self.now_ns,
        )

    def _trade(self, n: int, intent: OrderIntent, outcome: Outcome) -> None:
        order = an_order(
            **of_intent(intent),
            order_id=f"0xfeed{n:060d}",
            state="JOURNALLED",
            reserved_e6=0,
            updated_ns=self.now_ns,
            intent=intent,
        )
        self._book(order)
        self._book(
            msgspec.structs.replace(
                order, state="MATCHED", final=True, filled_e6=9_800_000, cost_e6=5_000_000, fee_e6=171_500
            )
        )
        fill = a_fill(
            **of_intent(intent), order_id=order.order_id, trade_id=f"trade-{n}", traded_ns=self.now_ns, status="MATCHED"
        )
        self._book(fill)
        self._book(msgspec.structs.replace(fill, status="CONFIRMED"))
        payout = 9_800_000 if outcome == "UP" else 0
        for provisional in (True, False):
            self._book(
                a_settlement(
                    **nth(n),
                    outcome=outcome,
                    provisional=provisional,
                    paid=not provisional,
                    payout_e6=payout,
                    pnl_e6=payout - 5_171_500,
                    win=payout > 0,
                    win_streak=int(payout > 0),
                    settled_ns=(intent.end_s + 2) * S,
                )
            )
        self.cash_e6 += payout - 5_171_500

    def _book(self, entry: OrderUpdate | Fill | Settlement) -> None:
        """As the next of the journal."""
        self.jseq += 1
        self.say(msgspec.structs.replace(entry, journal_seq=self.jseq))

    def close(self, cash_off_e6: int = 0) -> None:
        self.say(level(self.jseq, self.cash_e6 + cash_off_e6))
        self.say(positions(journal_seq=self.jseq))
        self.hear(Tick(timer=NoteCounts(), mono_s=1.0))
        self.index.close()


def level(seq: int, cash_pnl_e6: int) -> Account:
    """The purse after three traded windows, two of them won."""
    return an_account(
        cash_pnl_e6=cash_pnl_e6,
        free_e6=100_000_000 + cash_pnl_e6,
        equity_e6=100_000_000 + cash_pnl_e6,
        realised_e6=cash_pnl_e6,
        peak_equity_e6=104_628_500,
        max_drawdown_e6=5_171_500,
        fees_e6=514_500,
        streaks={"coin": a_streak(wins=1)},
        journal_seq=seq,
    )


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
    fill = a_fill()
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
    lost = a_settlement(
        outcome="DOWN", paid=False, corrected=True, payout_e6=0, pnl_e6=-5_171_500, win=False, win_streak=0
    )
    said.say(msgspec.structs.replace(lost, journal_seq=said.jseq))
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
        (f"main/coin/{slug(5)}/1", "→ skipped: RANGE"),
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
