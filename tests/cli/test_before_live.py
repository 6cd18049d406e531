"""What is told before the first live order."""

import json
from pathlib import Path

import msgspec
import pytest

from messages.inner import Store
from polybot.cli.session import live_notice
from polybot.core.recorder.window_row import WindowRow
from polybot.runtime.base.paths import Paths
from polybot.runtime.safety import halt, live_confirmation
from polybot.runtime.store.index_db import IndexDb
from polybot.runtime.supervision import session
from polybot.runtime.supervision.session import Session
from polybot.settings import Bot, Live, Settings

WALLET = "0xd41c057fd1c78805AAC12B0A94a405c0461A6FBb"
SETTINGS = Settings(bot=Bot(profile="live"), live=Live(live_max_loss_usd=12.5))


def a_session(profile: str, stand_in: str = "") -> Session:
    return Session(
        id=f"{profile}-1",
        profile=profile,
        strategies=("rsi_ema",),
        first_window_s=1_795_132_800,
        windows=18,
        seed=7,
        tape="",
        speed=1.0,
        started_ns=0,
        stand_in=stand_in,
    )


def a_row(n: int, won: bool, strategy: str) -> WindowRow:
    """A bet of 5 USD on UP at 0.50."""
    return WindowRow(
        n=n,
        slug=f"btc-updown-5m-{n}",
        start_s=1_795_132_800 + 300 * n,
        account="main",
        strategy=strategy,
        state="traded",
        signal_type="rsi",
        label="",
        probability=None,
        indicators={},
        btc_price=None,
        strike=None,
        strike_source="",
        up_ask_e6=500_000,
        down_ask_e6=500_000,
        prediction="UP",
        reason_code="",
        reason="",
        stake_e6=5_000_000,
        limit_e6=520_000,
        order_id=f"0x{n}",
        filled_e6=10_000_000,
        price_e6=500_000,
        fee_e6=175_000,
        settle=None,
        outcome="UP" if won else "DOWN",
        provisional=False,
        win_streak=0,
        pnl_e6=4_825_000 if won else -5_175_000,
        equity_before_e6=0,
        equity_after_e6=0,
    )


def a_record(folder: Path, profile: str, won: int, lost: int, strategy: str = "rsi_ema") -> None:
    paths = Paths(folder)
    folder.mkdir(parents=True)
    facts = msgspec.to_builtins(a_session(profile))
    paths.session.write_text(json.dumps(facts))
    index = IndexDb(paths.index)
    for n in range(won + lost):
        index.store(Store(table="windows", row=msgspec.json.encode(a_row(n, n < won, strategy))))
    index.commit()
    index.close()


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path / "live")
    halt.prepare(paths)
    return paths


def told(paths: Paths, stand_in: str = "") -> str:
    return "\n".join(live_notice.lines(paths, SETTINGS, a_session("live", stand_in), WALLET))


def test_it_says_whose_money_what_it_costs_and_where_it_stops(paths: Paths) -> None:
    text = told(paths)
    assert f"LIVE: real money of {WALLET} may be lost" in text
    assert "fee drag      3.5% of every stake" in text and "5.4 %" in text
    assert "no stake above 5.00 USD, no order whose worst case passes a session's loss of 12.50 USD" in text


def test_a_rehearsal_is_never_told_as_the_real_thing(paths: Paths) -> None:
    text = told(paths, "http://127.0.0.1:8700")
    assert text.startswith("LIVE REHEARSAL against a local venue (http://127.0.0.1:8700): no real money moves")
    assert "real money of" not in text


def test_without_a_paper_record_it_says_so(paths: Paths) -> None:
    a_record(paths.state.parent / "demo", "demo", 9, 1)
    a_record(paths.state.parent / "other", "paper", 9, 1, strategy="coin")
    assert f"of rsi_ema: none. No settled paper trade of it lies in {paths.state.parent}" in told(paths)


def test_the_paper_record_sums_sessions_and_archives_with_its_interval(paths: Paths) -> None:
    a_record(paths.state.parent / "paper", "paper", 30, 20)
    a_record(paths.state.parent / "paper" / "archive" / "paper-0", "paper", 25, 25)
    (paths.state.parent / "stranger").mkdir()
    assert (
        "of rsi_ema: 55 of 100 right, 55.0%, 95 % interval 45.2% to 64.4%; 51.7% would break even; "
        "P&L +32.50 USD of 500.00 staked"
    ) in told(paths)


def test_what_was_told_is_confirmed_for_this_session_and_the_demo_needs_none(
    paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    live_notice.tell(paths, Settings(), a_session("demo"), "")
    assert (live_confirmation.read(paths), capsys.readouterr().err) == (None, "")
    live_notice.tell(paths, SETTINGS, a_session("live"), WALLET)
    made = live_confirmation.read(paths)
    assert made is not None and (made.session, made.address) == ("live-1", WALLET)
    assert "fee drag" in capsys.readouterr().err


def test_a_session_written_before_rehearsals_can_still_be_read(paths: Paths) -> None:
    facts = msgspec.to_builtins(a_session("live"))
    del facts["stand_in"]
    paths.session.write_text(json.dumps(facts))
    assert session.read(paths) == a_session("live")
