"""`tail` shows what is said, decoded; gaps and new boots in their place; leaves nothing on the bus slower."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import typer
import zmq
from typer.testing import CliRunner

from messages import Envelope, Event, PriceTick, encode, topic_of
from polybot.cli.commands import tail
from polybot.runtime.loop.bus import Publisher
from tests import build
from tests.build import a_heartbeat


def a_tick(n: int) -> PriceTick:
    return build.a_tick(symbol="b", price=1.5, trade_id=n)


def an_envelope(body: Any, seq: int, boot: int = 1) -> Envelope:
    return Envelope(source="price_feed", boot=boot, seq=seq, at_ns=61_000_000_000, cause="", body=body)


@pytest.fixture
def spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs tail while a publisher repeats some envelopes until tail has left."""
    monkeypatch.setenv("POLYBOT_STATE", str(tmp_path))
    (tmp_path / "run").mkdir()

    def run(envelopes: list[Envelope], *argv: str) -> Any:
        context: zmq.Context[Any] = zmq.Context()
        publisher, over = Publisher(context, tmp_path / "run", "price_feed"), threading.Event()

        def speak() -> None:
            while not over.wait(0.02):
                for envelope in envelopes:
                    assert isinstance(envelope.body, Event)
                    publisher.send(topic_of(envelope.body), encode(envelope))

        thread = threading.Thread(target=speak)
        thread.start()
        app = typer.Typer()
        tail.register(app)
        try:
            return CliRunner().invoke(app, list(argv))
        finally:
            over.set()
            thread.join()
            publisher.close()
            context.term()

    return run


def test_messages_are_decoded_without_escape_bytes_when_piped(spoken: Any) -> None:
    done = spoken([an_envelope(a_tick(3), 1)], "-n", "1")
    assert done.exit_code == 0, done.output
    line = done.stdout.splitlines()[-1]
    assert line.startswith("00:01:01.000 price_feed:1 PriceTick/b#1 symbol=b price=1.5") and "\x1b" not in line


def test_only_the_topics_asked_for_are_shown_whatever_their_case(spoken: Any) -> None:
    done = spoken([an_envelope(a_tick(3), 1), an_envelope(a_heartbeat(), 1)], "heartbeat", "-n", "2", "--json")
    facts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [f["body"]["type"] for f in facts] == ["Heartbeat", "Heartbeat"]
    assert facts[0]["v"] == 1 and facts[0]["topic"] == "Heartbeat/price_feed"


def test_gaps_and_new_boots_are_told_in_their_place() -> None:
    gaps, topic = tail.Gaps(), "PriceTick/b"
    assert gaps.notice(an_envelope(a_tick(1), 7), topic) == [], "the first one heard is no gap"
    assert gaps.notice(an_envelope(a_tick(1), 8), topic) == []
    assert gaps.notice(an_envelope(a_tick(1), 12), topic) == ["3 of PriceTick/b from price_feed missed"]
    assert gaps.notice(an_envelope(a_tick(1), 1, boot=2), topic) == ["price_feed started anew: boot 1 → 2"]


def test_an_unknown_topic_or_actor_is_answered_with_the_nearest(spoken: Any) -> None:
    app = typer.Typer()
    tail.register(app)
    done = CliRunner().invoke(app, ["Prediktion"])
    assert done.exit_code == 2 and "did you mean Prediction?" in done.output
    done = CliRunner().invoke(app, ["--actor", "signl"])
    assert done.exit_code == 2 and "did you mean signal?" in done.output


def test_a_topic_with_a_key_is_a_prefix() -> None:
    assert tail.matches("Book/btc-1", ["book"]) and tail.matches("Book/btc-1", ["Book/btc"])
    assert not tail.matches("Book/btc-1", ["Book/eth"]) and not tail.matches("Books/x", ["Book"])
