"""What does not start, with which sentence and code; and that nothing was touched."""

import json
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from polybot.runtime.base.paths import ROOT, Paths
from polybot.runtime.config import endpoints
from polybot.runtime.loop.context import Context
from polybot.runtime.safety import halt, locks
from polybot.runtime.supervision import preflight, reachability, session
from polybot.settings import Bot, Settings


def ctl(state: Path, *argv: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {k: v for k, v in os.environ.items() if not k.startswith("POLYBOT_")}
    env = kept | {"POLYBOT_STATE": str(state), "PYTHONPATH": str(ROOT)} | environment
    command = [sys.executable, "-P", "-m", "polybot.cli", *argv]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path / "state")
    halt.prepare(paths)
    return paths


def test_an_unknown_strategy_is_78_and_names_the_near_one(paths: Paths) -> None:
    done = ctl(paths.state, "run", "--strategy", "rsi_emaa")
    assert done.returncode == 78
    assert 'unknown strategy "rsi_emaa": did you mean "rsi_ema"?' in done.stderr
    assert not paths.session.exists()


def test_a_missing_tape_folder_is_78_and_named(paths: Paths) -> None:
    done = ctl(paths.state, "run", "--tape", "/nowhere/tape")
    assert done.returncode == 78
    assert "tape /nowhere/tape: no such folder" in done.stderr


def test_a_truncated_row_of_the_tape_is_78_and_named(paths: Paths, tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    tape.mkdir()
    (tape / "X-prices-day.csv").write_text("feed_ts_ms,value\n1784851200000,65048.1\n")
    (tape / "X-markets-day.jsonl").write_text('{"start_sec": 1784853600}\n{"start_se')
    done = ctl(paths.state, "run", "--tape", str(tape))
    assert done.returncode == 78
    assert "X-markets-day.jsonl line 2: not a whole market" in done.stderr


def test_a_broken_config_is_78_and_names_key_line_and_near_key(paths: Paths, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[trade]\nmax_prise = 0.6\n")
    for verb in (["run"], ["up"], ["config", "check"]):
        done = ctl(paths.state, *verb, POLYBOT_CONFIG=str(file))
        assert done.returncode == 78
        assert f'{file}:2: unknown key "trade.max_prise": did you mean trade.max_price?' in done.stderr


@pytest.mark.parametrize("verb", ["run", "up"])
def test_an_occupied_lock_is_75_and_names_the_holder(paths: Paths, verb: str) -> None:
    lock = locks.take(paths, "executor")
    done = ctl(paths.state, verb)
    lock.release()
    assert done.returncode == 75
    assert f"held by process {os.getpid()} (executor)" in done.stderr


def test_a_halt_by_hand_refuses_run_with_the_line_that_lifts_it(paths: Paths) -> None:
    standing = halt.write(paths, by=halt.USER, reason_code="KILL_SWITCH", reason="enough")
    done = ctl(paths.state, "run")
    assert done.returncode == 5
    assert "polybot-ctl resume --reason" in done.stderr
    assert halt.look(paths) == standing
    assert not paths.archive.exists()


def test_an_unreadable_halt_refuses_run_and_stays(paths: Paths) -> None:
    paths.halt.write_bytes(b"\x00\x01garbage")
    done = ctl(paths.state, "run")
    assert done.returncode == 5
    assert "not readable as a halt" in done.stderr
    assert paths.halt.read_bytes() == b"\x00\x01garbage"


def test_an_open_state_folder_is_77_with_the_chmod_line(paths: Paths) -> None:
    paths.state.chmod(0o755)
    done = ctl(paths.state, "run")
    assert done.returncode == 77
    assert f"chmod 700 {paths.state}" in done.stderr


def test_paper_without_the_real_venue_is_69_and_names_the_hosts(paths: Paths, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"127.0.0.1:{closed.getsockname()[1]}"
    file = tmp_path / "nobody.json"
    file.write_text(json.dumps(dict.fromkeys(endpoints.PUBLIC, f"http://{nobody}")))
    env = {"POLYBOT_PROFILE": "paper", "POLYBOT__BOT__ON_NO_SIGNAL": "skip", "POLYBOT_ENDPOINTS": str(file)}
    for verb in ("run", "up"):
        done = ctl(paths.state, verb, **env)
        assert done.returncode == 69, done.stderr
        assert f"paper follows the real books and needs the internet: cannot reach {nobody}" in done.stderr
        assert "Connection refused" in done.stderr and "the demo" in done.stderr
    alone = ctl(paths.state, "venue", "--world", "mirror", "--port", "0", "--state", str(tmp_path / "alone"), **env)
    assert (alone.returncode, f"cannot reach {nobody}" in alone.stderr) == (69, True)
    assert not paths.session.exists(), "nothing was begun"


def test_who_answers_but_is_no_venue_is_named_too() -> None:
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.handle_request, daemon=True)
    thread.start()
    problems = reachability.problems({"clob": f"http://127.0.0.1:{server.server_port}"})
    thread.join(5)
    server.server_close()
    assert problems == [
        f"cannot reach 127.0.0.1:{server.server_port} (GET /time is answered with HTTP 501 and not with the time: "
        "something stands in between)"
    ]


def test_another_profiles_state_folder_is_refused(paths: Paths) -> None:
    demo = {"id": "demo-1", "profile": "demo", "strategies": ["rsi_ema"], "first_window_s": 0, "windows": 1}
    paths.session.write_text(json.dumps(demo | {"seed": 7, "tape": "", "speed": 60.0, "started_ns": 0}))
    done = ctl(paths.state, "up", POLYBOT_PROFILE="paper", POLYBOT__BOT__ON_NO_SIGNAL="skip")
    assert done.returncode == 78
    assert "holds the demo session demo-1, the profile is paper" in done.stderr


def test_down_and_status_where_nothing_runs_are_4(paths: Paths) -> None:
    assert ctl(paths.state, "down").returncode == 4
    done = ctl(paths.state, "status", "--json")
    assert done.returncode == 4
    facts = json.loads(done.stdout)
    assert (facts["v"], facts["profile"], facts["trading_state"]) == (1, "demo", "STOPPED")
    assert set(facts["actors"]["risk"]) >= {"state", "pid", "uptime_s", "restarts", "heartbeat_age_ms"}


def test_an_actor_by_hand_with_a_wrong_name_is_2(paths: Paths) -> None:
    done = ctl(paths.state, "actor", "rsik")
    assert done.returncode == 2
    assert "did you mean risk?" in done.stderr


def test_the_demos_key_is_made_once_and_ours_alone(paths: Paths) -> None:
    session.ensure(paths, Settings())
    first = paths.key.read_text()
    assert len(first.strip()) == 66
    assert paths.key.stat().st_mode & 0o777 == 0o600
    session.ensure(paths, Settings())
    assert paths.key.read_text() == first


def test_the_recorded_day_serves_every_window_with_forty_minutes_before_it() -> None:
    tape = ROOT.parent / "shared" / "data" / "chainlink-btcusd-1hz-and-5m-markets"
    if not tape.is_dir():
        pytest.skip("the recorded day is not here")
    assert session.tape_span(tape) == (1784853600, 283)


def test_redeem_where_nothing_runs_is_4_and_says_who_redeems(paths: Paths) -> None:
    done = ctl(paths.state, "redeem", "--json")
    assert (done.returncode, done.stdout) == (4, "")
    assert "no executor runs in" in done.stderr


@pytest.mark.parametrize("was_rehearsal", [True, False])
def test_a_paper_session_goes_on_only_with_the_venue_it_was_begun_with(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, was_rehearsal: bool
) -> None:
    """Here and at the actor's door; the file of its lock is ours alone."""
    ready = tmp_path / "ready.json"
    ready.write_text(json.dumps(dict.fromkeys(endpoints.PUBLIC, "http://127.0.0.1:9")))
    settings = Settings(bot=Bot(profile="paper"))
    monkeypatch.setenv("POLYBOT_ENDPOINTS", str(ready) if was_rehearsal else "")
    begun = session.ensure(paths, settings)
    assert paths.lock("session").stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("POLYBOT_ENDPOINTS", "" if was_rehearsal else str(ready))
    with pytest.raises(preflight.StartRefused) as refused:
        preflight.check(paths, settings)
    mend = "point POLYBOT_ENDPOINTS at" if was_rehearsal else "unset POLYBOT_ENDPOINTS"
    assert (refused.value.code, f"session {begun.id} was begun with" in str(refused.value)) == (78, True)
    assert mend in str(refused.value)
    monkeypatch.setenv("POLYBOT_PROFILE", "paper")
    monkeypatch.setenv("POLYBOT_STATE", str(paths.state))
    with pytest.raises(SystemExit) as left:
        Context.open("risk")
    assert left.value.code == 78
