"""`polybot-ctl venue`: started by itself, for software written by others."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polybot.venue.rest.relayer import conditions_in

CONDITION = "74" * 32


def start(state: Path, *options: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "polybot.cli", "venue", "--port", "0", "--state", str(state), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ.copy())


def ready(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("{"), f"not ready: {line!r} {process.stderr.read() if process.stderr else ''}"
    urls: dict[str, Any] = json.loads(line)
    return urls


def end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple["subprocess.Popen[str]", dict[str, Any], Path]]:
    state = tmp_path_factory.mktemp("alone") / "state"
    process = start(state)
    try:
        yield process, ready(process), state
    finally:
        end(process)


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.loads(answer.read())


Alone = tuple["subprocess.Popen[str]", dict[str, Any], Path]


def test_its_first_line_says_where_everything_is(venue: Alone) -> None:
    _, urls, _ = venue
    http = {"clob", "gamma", "data", "relayer", "binance", "coinbase", "coingecko", "geoblock"}
    sockets = {"ws_market", "ws_user", "rtds", "polybolt", "binance_ws"}
    assert urls.keys() == {"v"} | http | sockets and urls["v"] == 1
    assert all(urls[name].startswith("http://127.0.0.1:") for name in http)
    assert all(urls[name].startswith("ws://127.0.0.1:") for name in sockets)
    assert get(urls["geoblock"])["blocked"] is False


def test_it_keeps_the_walls_time_and_has_a_market_for_the_running_window(venue: Alone) -> None:
    _, urls, _ = venue
    now_s = get(urls["clob"] + "/time")
    assert abs(now_s - time.time()) <= 2
    start_s = now_s // 300 * 300
    market = get(f"{urls['gamma']}/markets/slug/btc-updown-5m-{start_s}")
    up, down = json.loads(market["clobTokenIds"])
    assert get(f"{urls['clob']}/book?token_id={up}")["asset_id"] == up != down


def test_a_second_one_on_the_same_folder_is_refused(venue: Alone) -> None:
    _, _, state = venue
    second = start(state)
    try:
        assert second.wait(20) == 75
    finally:
        end(second)


def test_it_leaves_cleanly_on_sigterm(tmp_path: Path) -> None:
    process = start(tmp_path / "state")
    try:
        ready(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        end(process)


def test_a_tape_that_is_not_there_is_a_sentence_and_78(tmp_path: Path) -> None:
    process = start(tmp_path / "state", "--tape", str(tmp_path / "none"))
    try:
        _, said = process.communicate(timeout=20)
        assert process.returncode == 78
        assert "no such folder" in said
    finally:
        end(process)


def test_a_redemption_is_found_however_it_is_wrapped() -> None:
    arguments = "0" * 24 + "c0" * 20 + "0" * 64 + CONDITION + "0" * 64
    assert conditions_in(f'{{"data":"0xdeadbeef01b7037c{arguments}"}}') == ["0x" + CONDITION]
    assert conditions_in('{"data":"0x01b7037c"}') == []
