"""doctor over a venue by itself, with a throw-away key: as a person would type it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from messages import OrderType
from polybot.runtime.base.paths import ROOT
from tests.build import a_post, order_fields

KEY = f"0x{7:064x}"
ADDRESS = "0xd41c057fd1c78805AAC12B0A94a405c0461A6FBb"
CANARY = KEY[2:]


class World:
    """A venue that stands in for the public hosts, and a live config that points there."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.key, self.ready = folder, folder / "key", folder / "ready.json"
        self.key.touch(mode=0o600)
        self.key.write_text(f"{KEY}\n")
        command = [
            sys.executable,
            "-m",
            "polybot.cli",
            "venue",
            "--port",
            "0",
            "--state",
            str(folder / "venue"),
            *options,
        ]
        self.venue = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT)
        assert self.venue.stdout is not None
        self.ready.write_text(self.venue.stdout.readline())
        self.urls: dict[str, Any] = json.loads(self.ready.read_text())
        kept = {k: v for k, v in os.environ.items() if not k.startswith("POLYBOT_")}
        self.env = kept | {
            "NO_COLOR": "1",
            "POLYBOT_STATE": str(folder / "state"),
            "POLYBOT_PROFILE": "live",
            "POLYBOT_ENDPOINTS": str(self.ready),
            "POLYBOT__LIVE__KEY_FILE": str(self.key),
            "POLYBOT__BOT__ON_NO_SIGNAL": "down",
        }

    def ctl(self, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-P", "-m", "polybot.cli", *words]
        return subprocess.run(
            command, env=self.env | environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )

    def checks(self, *words: str, **environment: str) -> tuple[dict[str, dict[str, Any]], int]:
        """By name, and the exit code."""
        done = self.ctl("doctor", "--json", *words, **environment)
        facts = json.loads(done.stdout)
        assert facts["v"] == 1, done.stderr
        assert CANARY not in done.stdout + done.stderr
        return {check["name"]: check for check in facts["checks"]}, done.returncode

    def end(self) -> None:
        self.venue.kill()
        self.venue.communicate()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("doctor"), "--speed", "30")
    yield made
    made.end()


def of_status(checks: dict[str, dict[str, Any]], status: str) -> list[str]:
    return [name for name, check in checks.items() if check["status"] == status]


def test_a_sound_wallet_passes_everything(world: World) -> None:
    checks, code = world.checks()
    assert (of_status(checks, "failed"), of_status(checks, "unknown"), code) == ([], [], 0)
    assert checks["address"]["seen"] == ADDRESS
    assert "unlimited" in checks["allowance pUSD"]["seen"] and "CTF Exchange" in checks["allowance shares"]["seen"]
    assert not (world.folder / "state").exists(), "it only reads"
    shown = world.ctl("doctor")
    assert shown.returncode == 0
    assert "REHEARSAL" in shown.stdout and "passed  balance" in shown.stdout
    assert CANARY not in shown.stdout + shown.stderr


def test_every_check_that_is_not_passed_has_a_mend(world: World) -> None:
    checks, code = world.checks(POLYBOT__LIVE__KEY_FILE=str(world.folder / "none"))
    assert code == 1
    assert of_status(checks, "failed") == ["key file"]
    assert set(of_status(checks, "unknown")) >= {"address", "credentials", "balance", "foreign orders"}
    assert all(check["mend"] for check in checks.values() if check["status"] != "passed")


def test_a_key_that_is_none_is_not_shown(world: World, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_text(f"{CANARY}-nonsense")
    checks, _ = world.checks(POLYBOT__LIVE__KEY_FILE=str(key))
    assert checks["address"]["seen"] == "not a private key: expected 64 hex digits"


@pytest.mark.parametrize(
    ("kind", "funder", "sentence"),
    [
        ("1", "", "live.signature_type = 1 needs live.funder"),
        ("2", "0x12", 'live.funder = "0x12" is no address'),
        ("0", "0x" + "11" * 20, "is paid by"),
    ],
)
def test_signature_type_and_funder_must_agree(world: World, kind: str, funder: str, sentence: str) -> None:
    checks, code = world.checks("--confirm", "1A6FBB", POLYBOT__LIVE__SIGNATURE_TYPE=kind, POLYBOT__LIVE__FUNDER=funder)
    check = checks["address" if kind == "0" else "config"]
    assert (check["status"], sentence in check["seen"], code) == ("failed", True, 1)
    assert "geoblock" not in checks, "nobody was called"


def test_a_proxy_wallet_is_asked_about_by_its_own_address_and_wants_a_relayer_key(world: World, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_text(f"0x{9:064x}")
    proxy = {"POLYBOT__LIVE__SIGNATURE_TYPE": "2", "POLYBOT__LIVE__FUNDER": "0x" + "22" * 20}
    proxy |= {"POLYBOT__LIVE__KEY_FILE": str(key)}
    checks, code = world.checks(**proxy)
    assert (of_status(checks, "failed"), code) == (["redemption"], 1)
    assert "relayer key" in checks["redemption"]["mend"]
    relayer = tmp_path / "relayer.json"
    relayer.touch(mode=0o644)
    relayer.write_text('{"key": "relayer-canary", "address": "0x22"}')
    assert "has mode 0644" in world.checks("--confirm", "000000", **proxy)[0]["redemption"]["seen"]
    relayer.chmod(0o600)
    checks, code = world.checks(**proxy)
    assert (of_status(checks, "failed"), of_status(checks, "unknown"), code) == ([], [], 0)
    assert checks["address"]["seen"].startswith("0x" + "22" * 20 + ", which 0x")
    assert "1000.00 USD" in checks["balance"]["seen"]
    assert "relayer-canary" not in json.dumps(checks)


def test_without_its_venue_the_world_is_unknown_and_the_demo_needs_no_key(world: World, tmp_path: Path) -> None:
    checks, code = world.checks(POLYBOT_PROFILE="demo", POLYBOT_STATE=str(tmp_path / "demo"), POLYBOT_ENDPOINTS="")
    assert (code, of_status(checks, "failed")) == (3, [])
    assert {"key file", "geoblock", "credentials", "oracle"} <= set(of_status(checks, "unknown"))
    assert not (tmp_path / "demo").exists()


def test_a_broken_config_is_one_failed_check(world: World) -> None:
    checks, code = world.checks(POLYBOT__LIVE__SIGNATURE_TYPE="7")
    assert (list(checks), checks["config"]["status"], code) == (["config"], "failed", 1)


def test_orders_and_shares_that_the_books_do_not_know_are_foreign(world: World) -> None:
    """A user's own order, resting; and another that was filled."""
    from messages.inner import SignOrder
    from polybot.adapters.net.reads import Known
    from polybot.adapters.polymarket.clob import Clob
    from polybot.adapters.polymarket.gamma import Gamma
    from polybot.adapters.polymarket.market_parser import listed_of
    from polybot.adapters.polymarket.signing import OrderSigner, Wallet
    from polybot.core.market.windows import slug_of
    from polybot.runtime.base.clock import FollowedClock

    clock = FollowedClock.follow(Path(world.urls["clock"]))
    wallet = Wallet(f"0x{8:064x}")
    key = world.folder / "another key"
    key.touch(mode=0o600)
    key.write_text(f"0x{8:064x}\n")
    clob = Clob(world.urls["clob"], wallet, lambda: clock.now_ns() // 10**9)
    credentials = clob.login()
    assert isinstance(credentials, Known)
    signer = OrderSigner(wallet, credentials.value.api_key)

    def place(name: str, price_cents: int, order_type: OrderType, ahead: int) -> None:
        found = Gamma(world.urls["gamma"]).market(slug_of((clock.now_ns() // 10**9 // 300 + ahead) * 300))
        assert isinstance(found, Known), found
        fields = order_fields(
            salt=price_cents,
            token_id=listed_of(found.value, None).up_token,
            maker_e6=price_cents * 10_000 * 10,
            taker_e6=10_000_000,
            timestamp_ms=clock.now_ns() // 10**6,
            order_type=order_type,
        )
        signed = signer.sign(SignOrder(intent_id=name, fields=fields))
        done = clob.post_order(a_post(order_id=signed.order_id, body=signed.body))
        assert done.outcome == "accepted", done

    place("resting", 2, "GTC", 2)
    place("filled", 98, "FAK", 1)
    deadline = time.monotonic() + 20
    while True:
        checks, code = world.checks(POLYBOT__LIVE__KEY_FILE=str(key))
        if checks["foreign positions"]["status"] == "failed" or time.monotonic() > deadline:
            break
    assert (checks["foreign orders"]["status"], code) == ("failed", 1)
    assert checks["foreign orders"]["seen"].startswith("1 open that this folder never sent")
    assert "held that this folder never bought" in checks["foreign positions"]["seen"]
