"""`venue fault …` finds the venue that runs: the demo's first, else the one started by itself, else it says where it looked."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from polybot.cli.commands.venue import app
from polybot.cli.support.common import NOT_RUNNING

TOKEN = "t"


class ControlPort(HTTPServer):
    """Of a venue with one fault, named after its folder."""

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), Control)
        self.name = name


class Control(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, ControlPort)
        is_let_in = self.headers["Authorization"] == f"Bearer {TOKEN}"
        fault = {"name": self.server.name, "kind": "restart", "does": "", "on": True, "seen": 0, "struck": 0}
        body = json.dumps({"faults": [fault]} if is_let_in else {"error": "no"}).encode()
        self.send_response(200 if is_let_in else 401)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def servers() -> Iterator[list[HTTPServer]]:
    made: list[HTTPServer] = []
    yield made
    for server in made:
        server.shutdown()
        server.server_close()


def a_venue(servers: list[HTTPServer], state: Path, token: str = TOKEN) -> None:
    server = ControlPort(state.name)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    servers.append(server)
    (state / "venue").mkdir(parents=True)
    note = {"url": f"http://127.0.0.1:{server.server_port}", "token": token}
    (state / "venue" / "control.json").write_text(json.dumps(note))


def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> tuple[int, str]:
    monkeypatch.setenv("POLYBOT_STATE", str(tmp_path / "state"))
    done = CliRunner().invoke(app, ["fault", "list", *options])
    return done.exit_code, done.output


def test_the_demos_venue_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, servers: list[HTTPServer]
) -> None:
    a_venue(servers, tmp_path / "state")
    a_venue(servers, tmp_path / "state-venue")
    code, text = listed(tmp_path, monkeypatch)
    assert (code, text.split()[1]) == (0, "state")


def test_a_venue_by_itself_is_found_where_it_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, servers: list[HTTPServer]
) -> None:
    a_venue(servers, tmp_path / "state-venue")
    assert listed(tmp_path, monkeypatch)[1].split()[1] == "state-venue"
    dead = tmp_path / "state" / "venue"
    dead.mkdir(parents=True)
    (dead / "control.json").write_text('{"url": "http://127.0.0.1:9", "token": "t"}')
    assert listed(tmp_path, monkeypatch)[1].split()[1] == "state-venue", "a demo that has ended stands in nobody's way"


def test_any_folder_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, servers: list[HTTPServer]) -> None:
    a_venue(servers, tmp_path / "elsewhere")
    assert listed(tmp_path, monkeypatch, "--state", str(tmp_path / "elsewhere"))[1].split()[1] == "elsewhere"


def test_when_none_runs_it_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, servers: list[HTTPServer]
) -> None:
    code, text = listed(tmp_path, monkeypatch)
    assert code == NOT_RUNNING
    assert f"no venue has run in {tmp_path / 'state'}; no venue has run in {tmp_path / 'state-venue'}" in text
    a_venue(servers, tmp_path / "other", token="changed since")
    code, text = listed(tmp_path, monkeypatch, "--state", str(tmp_path / "other"))
    assert code == NOT_RUNNING
    assert f"the venue of {tmp_path / 'other'} is gone" in text
