"""Where the world is: the public hosts, or a local venue that answers."""

import json
import socket
import threading
import time
from pathlib import Path

import msgspec
import pytest

from polybot.runtime.base.paths import Paths
from polybot.runtime.config import endpoints
from polybot.runtime.config.config import ConfigError
from polybot.runtime.safety import halt
from polybot.settings import Settings


def settings(profile: str) -> Settings:
    s = Settings()
    return msgspec.structs.replace(s, bot=msgspec.structs.replace(s.bot, profile=profile))


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path / "state")
    halt.prepare(paths)
    return paths


def test_live_uses_the_public_hosts_and_reads_no_file(paths: Paths) -> None:
    assert endpoints.wait(paths, settings("live"))["clob"] == "https://clob.polymarket.com"


def a_stand_in(tmp_path: Path, **changed: str) -> str:
    file = tmp_path / "ready.json"
    file.write_text(json.dumps({"v": 1} | dict.fromkeys(endpoints.PUBLIC, "http://127.0.0.1:8700") | changed))
    return str(file)


def test_another_venue_may_stand_in_for_the_public_hosts(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYBOT_ENDPOINTS", a_stand_in(tmp_path))
    assert set(endpoints.wait(paths, settings("live")).values()) == {"http://127.0.0.1:8700"}
    assert endpoints.wait(paths, settings("live")).keys() == endpoints.PUBLIC.keys()


def test_what_stands_in_must_be_whole_and_on_this_machine(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"clob = https://clob\.example is not on this machine"):
        endpoints.public(a_stand_in(tmp_path, clob="https://clob.example"))
    part = tmp_path / "part.json"
    part.write_text('{"clob": "http://127.0.0.1:1"}')
    with pytest.raises(ConfigError, match="no address for binance"):
        endpoints.public(str(part))
    with pytest.raises(ConfigError, match="No such file"):
        endpoints.public(str(tmp_path / "none.json"))


def test_the_demo_waits_for_a_venue_that_answers(paths: Paths) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        stale = closed.getsockname()[1]
    endpoints.write(paths, {"clob": f"http://127.0.0.1:{stale}"})
    server = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{server.getsockname()[1]}"
    later = threading.Timer(0.2, endpoints.write, (paths, {"clob": url, "gamma": url}))
    later.start()
    began = time.monotonic()
    assert endpoints.wait(paths, settings("demo")) == {"clob": url, "gamma": url}
    assert time.monotonic() - began > 0.1, "a port that was somebody's once is not an answer"
    later.join()
    server.close()


def test_paper_takes_prices_from_the_world_and_orders_home(paths: Paths) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{server.getsockname()[1]}"
    endpoints.write(paths, {"clob": url, "binance": url})
    found = endpoints.wait(paths, settings("paper"))
    assert found["clob"] == url
    assert found["binance"] == "https://api.binance.com"
    server.close()


def test_a_venue_that_never_comes_ends_the_actor(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "_PATIENCE_S", 0.05)
    with pytest.raises(SystemExit) as left:
        endpoints.wait(paths, settings("demo"))
    assert left.value.code == 1, "supervisord starts it again"
