"""R33: live does not start by accident. Every combination of missing confirmations is refused, by every door, and nobody
connects to the order path, counted where it listens.
"""

import itertools
import json
import os
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from polybot.cli.session import live_conditions
from polybot.runtime.base.paths import ROOT, Paths
from polybot.runtime.config import config, endpoints
from polybot.runtime.safety import halt, live_confirmation
from polybot.runtime.supervision import session, supervisord
from polybot.runtime.supervision.preflight import StartRefused
from polybot.settings import Bot, Settings

KEY = f"0x{7:064x}"
DIGITS = "1a6fbb"  # of 0xd41c057fd1c78805AAC12B0A94a405c0461A6FBb


class Street:
    """Every public host, on this machine: connections are accepted, counted and closed. `blocked`: what geoblock answers."""

    def __init__(self) -> None:
        self.calls = {"order path": 0, "elsewhere": 0, "geoblock": 0}
        self._ears = selectors.DefaultSelector()
        self.ports = {name: self._listen(name) for name in self.calls}
        self._open = True
        threading.Thread(target=self._count, daemon=True).start()

    def _listen(self, name: str) -> int:
        ear = socket.create_server(("127.0.0.1", 0))
        self._ears.register(ear, selectors.EVENT_READ, name)
        return int(ear.getsockname()[1])

    def _count(self) -> None:
        while self._open:
            for key, _ in self._ears.select(0.05):
                assert isinstance(key.fileobj, socket.socket)
                caller, _ = key.fileobj.accept()
                self.calls[key.data] += 1
                if key.data == "geoblock":
                    body = b'{"blocked":true,"ip":"203.0.113.7","country":"US","region":""}'
                    caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                caller.close()

    def urls(self) -> dict[str, object]:
        order = {"clob": "http", "ws_user": "ws"}
        urls = dict.fromkeys(endpoints.PUBLIC, f"http://127.0.0.1:{self.ports['elsewhere']}")
        urls |= {name: f"{scheme}://127.0.0.1:{self.ports['order path']}" for name, scheme in order.items()}
        return {"v": 1, **urls, "geoblock": f"http://127.0.0.1:{self.ports['geoblock']}"}

    def close(self) -> None:
        self._open = False
        for key in list(self._ears.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()


@pytest.fixture
def street() -> Iterator[Street]:
    made = Street()
    yield made
    made.close()


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path / "state")
    halt.prepare(paths)
    return paths


def an_environment(paths: Paths, street: Street, key: str = "sound", profile: str = "live") -> dict[str, str]:
    """All of it in order; key: sound, missing, open to others, or no key at all."""
    folder = paths.state.parent
    ready, file = folder / "ready.json", folder / "key"
    ready.write_text(json.dumps(street.urls()))
    if key != "missing":
        file.touch(mode=0o600)
        file.write_text("not a key\n" if key == "nonsense" else f"{KEY}\n")
        file.chmod(0o644 if key == "open" else 0o600)
    return {
        "POLYBOT_STATE": str(paths.state),
        "POLYBOT_ENDPOINTS": str(ready),
        "POLYBOT__LIVE__KEY_FILE": str(file),
        "POLYBOT__BOT__ON_NO_SIGNAL": "skip",
    } | ({"POLYBOT_PROFILE": profile} if profile else {})


def a_process(*words: str, module: str = "polybot.cli", **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {k: v for k, v in os.environ.items() if not k.startswith("POLYBOT_")}
    env = kept | {"PYTHONPATH": str(ROOT)} | environment
    command = [sys.executable, "-P", "-m", module, *words]
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


CONFIRM = (None, "", "yes", "123456", DIGITS)
COMBINATIONS = list(itertools.product(("", "live"), CONFIRM, ("missing", "open", "nonsense", "sound")))


@pytest.mark.parametrize(("written", "confirm", "key"), COMBINATIONS)
def test_every_combination_is_refused_and_nobody_calls_the_order_path(
    paths: Paths,
    street: Street,
    monkeypatch: pytest.MonkeyPatch,
    written: str,
    confirm: str | None,
    key: str,
) -> None:
    """With everything given it is doctor that refuses: the venue is closed to the place we are in."""
    for name, value in an_environment(paths, street, key, written).items():
        monkeypatch.setenv(name, value)
    flags = {"bot.profile": "live"}
    settings = config.load(flags).settings
    with pytest.raises(StartRefused) as refused:
        live_conditions.through(settings, flags, confirm)
    assert refused.value.code == 77
    assert street.calls["order path"] == street.calls["elsewhere"] == 0
    assert KEY[2:] not in str(refused.value)
    if not written:
        assert 'write profile = "live"' in str(refused.value)
    elif confirm not in (DIGITS, "123456"):
        assert "5.4 %" in str(refused.value) and "--confirm-live" in str(refused.value)
    elif key != "sound":
        assert "key file" in str(refused.value) or "not a private key" in str(refused.value)
    elif confirm != DIGITS:
        assert "are not the last six hex digits" in str(refused.value)
    else:
        assert "takes no orders from US" in str(refused.value)
    assert street.calls["geoblock"] == int(bool(written) and confirm == DIGITS and key == "sound")


def test_the_demo_has_no_gates() -> None:
    assert live_conditions.through(Settings(), {}, None) == ""


@pytest.mark.parametrize("verb", ["run", "up"])
def test_neither_verb_starts_anything_on_the_way(paths: Paths, street: Street, verb: str) -> None:
    done = a_process(verb, "--confirm-live", DIGITS, **an_environment(paths, street))
    assert done.returncode == 77, done.stderr
    assert not paths.session.exists() and not paths.supervisor_conf.exists()
    assert live_confirmation.read(paths) is None
    assert street.calls["order path"] == street.calls["elsewhere"] == 0


@pytest.mark.parametrize("module", ["polybot.cli.launch", "actors.executor"])
def test_an_executor_by_hand_is_refused(paths: Paths, street: Street, module: str) -> None:
    """Also with a live session that stands, which was confirmed and then stopped."""
    env, words = an_environment(paths, street), ["executor"] if module == "polybot.cli.launch" else []
    assert a_process(*words, module=module, **env).returncode == 77
    assert not paths.session.exists(), "no session is begun by hand"
    begin_a_session(paths, street)
    done = a_process(*words, module=module, **env)
    assert (done.returncode, "was not confirmed for session live-1" in done.stderr) == (77, True), done.stderr
    assert street.calls["order path"] == street.calls["elsewhere"] == 0


def test_an_executor_with_another_wallet_than_confirmed_is_refused(paths: Paths, street: Street) -> None:
    begin_a_session(paths, street)
    live_confirmation.write(paths, "live-1", "0x" + "11" * 20, str(street.urls()["clob"]))
    done = a_process(module="actors.executor", **an_environment(paths, street))
    assert (done.returncode, "live was confirmed for the wallet 0x1111" in done.stderr) == (77, True), done.stderr
    assert street.calls["order path"] == 0


@pytest.mark.parametrize("was_rehearsal", [True, False])
def test_a_session_goes_on_only_with_the_venue_it_was_begun_with(
    paths: Paths, street: Street, was_rehearsal: bool
) -> None:
    """Its banner, status and report say which one that is. Confirmed or not, by both doors."""
    begin_a_session(paths, street if was_rehearsal else None)
    environment = an_environment(paths, street)
    for stood_in in ("", str(street.urls()["clob"])):
        live_confirmation.write(paths, "live-1", "0xd41c057fd1c78805AAC12B0A94a405c0461A6FBb", stood_in)
        if was_rehearsal:
            environment.pop("POLYBOT_ENDPOINTS", None)
        by_up = a_process("up", "--confirm-live", DIGITS, **environment)
        by_hand = a_process(module="actors.executor", **environment)
        for done in (by_up, by_hand):
            assert done.returncode == 78, done.stderr
            assert "session live-1 was begun with" in done.stderr and "POLYBOT_ENDPOINTS" in done.stderr
    assert street.calls == dict.fromkeys(street.calls, 0)


def test_supervisord_by_itself_starts_nobody(paths: Paths, street: Street) -> None:
    """Everyone leaves, once, and is not started again."""
    begin_a_session(paths, street)
    env = {k: v for k, v in os.environ.items() if not k.startswith("POLYBOT_")} | an_environment(paths, street)
    settings = Settings(bot=Bot(profile="live"))
    conf = supervisord.render_for(paths, settings)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "supervisor.supervisord", "-n", "-c", str(conf)],
        env=env,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        left: dict[str, tuple[str, int]] = {}
        while {code for _, code in left.values()} != {77}:
            assert time.monotonic() < deadline, left
            time.sleep(0.05)
            left = states(paths)
        assert {state for state, _ in left.values()} == {"EXITED"}
        assert {name: locks_of(paths, name) for name in left} == dict.fromkeys(left, 0), "one life each, none begun"
    finally:
        process.terminate()
        process.wait(20)
    assert street.calls["order path"] == street.calls["elsewhere"] == 0


def states(paths: Paths) -> dict[str, tuple[str, int]]:
    """Program → (state, exit code); {} while supervisord does not answer."""
    try:
        infos = supervisord.Supervisor.of(paths, 2.0).processes()
    except supervisord.Unreachable:
        return {}
    return {str(i["name"]): (str(i["statename"]), int(i["exitstatus"])) for i in infos}


def locks_of(paths: Paths, name: str) -> int:
    """Boots so far."""
    return int(paths.boot(name).read_text().split()[0]) if paths.boot(name).exists() else 0


def begin_a_session(paths: Paths, street: Street | None) -> None:
    """At the street, or with the public hosts."""
    facts = {"id": "live-1", "profile": "live", "strategies": ["rsi_ema"], "first_window_s": 0, "windows": 1}
    facts["stand_in"] = street.urls()["clob"] if street else ""
    paths.session.write_text(json.dumps(facts | {"seed": 7, "tape": "", "speed": 1.0, "started_ns": 0}))
    assert session.read(paths) is not None
