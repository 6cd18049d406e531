"""PolyBolt's frames as prints, and the source that asks for them, against a server that says what the test wants."""

import json
from typing import Any

import pytest

from messages import OraclePrice, OracleRelayed
from messages.inner import SourceState
from polybot.adapters.net.bad_frame import BadFrame
from polybot.adapters.net.retry import Backoff
from polybot.adapters.polymarket.channels import PolyBoltSource
from polybot.adapters.polymarket.polybolt import Frames, PolyBoltRefused
from polybot.adapters.polymarket.signing import Credentials
from tests.adapters.conftest import Running, WsScript
from tests.inbox import ListInbox
from tests.waiting import wait_for

SECOND = 1_795_132_800
NOW_NS = SECOND * 10**9
KEYS = Credentials("key", "secret-of-ours", "pass-of-ours")
POINT = {"timestamp": SECOND * 1000, "value": 64210.1234567, "full_accuracy_value": "64210.1234567"}
E18 = "64210123456700000000000"


def a_frame(seq: Any = 1, payload: dict[str, Any] | None = None, **change: Any) -> str:
    named = {"symbol": "btcusd", "source": "chainlink", "window_seconds": 60}
    frame = {"v": 1, "channel": "price.crypto.twap", "seq": seq, "ts": SECOND * 1000 + 1300}
    return json.dumps(frame | {"payload": named | POINT | (payload or {})} | change)


def read(text: str) -> tuple[OraclePrice, ...]:
    return Frames("btc/usd").read(text, NOW_NS).prints


def test_an_update_is_an_exact_print_of_the_settlement_feed() -> None:
    (print_,) = read(a_frame())
    assert (print_.symbol, print_.feed, print_.value_e18, print_.observed_ns) == ("btc/usd", "twap60", E18, NOW_NS)
    assert print_.source == "polybolt"
    assert print_.price == pytest.approx(64210.1234567)


def test_both_spellings_of_the_exact_price_are_understood_and_never_confused() -> None:
    assert read(a_frame(payload={"full_accuracy_value": E18}))[0].value_e18 == E18
    for exact in ("64210123", "6.42e4", "-64210.1", "64000.1", 64210.1234567, None):
        with pytest.raises(BadFrame, match="exact price"):
            read(a_frame(payload={"full_accuracy_value": exact}))


def test_a_snapshot_is_all_its_points_and_what_was_carried_forward_is_no_print() -> None:
    points = [POINT | {"timestamp": (SECOND - n) * 1000} for n in (2, 1)]
    text = a_frame(snapshot=True, payload={"data": points})
    assert [p.observed_ns // 10**9 - SECOND for p in read(text)] == [-2, -1]
    assert read(a_frame(payload={"is_carried_forward": True})) == ()
    assert len(read(a_frame(payload={"is_carried_forward": False}))) == 1


def test_a_price_of_another_vendor_symbol_or_window_is_never_a_print() -> None:
    with pytest.raises(BadFrame, match="not the oracle"):
        read(a_frame(payload={"source": "pyth"}))
    with pytest.raises(BadFrame):
        read(a_frame(payload={"window_seconds": 45}))
    assert read(a_frame(payload={"symbol": "ethusd"})) == ()
    assert read(a_frame(channel="price.crypto")) == ()


def test_lost_frames_are_counted_by_sequence_and_by_the_servers_own_word() -> None:
    frames = Frames("btc/usd")
    assert [frames.read(a_frame(seq), NOW_NS).lost for seq in (1, 2, 5)] == [0, 0, 2]
    assert frames.read(a_frame(6, dropped=44), NOW_NS).lost == 44
    frames.begin()
    assert frames.read(a_frame(1), NOW_NS).lost == 0


GARBAGE = [
    "}{",
    "[]",
    "7",
    '"x"',
    "{}",
    a_frame(v=2),
    a_frame(seq="1"),
    '{"v":1,"channel":"price.crypto.twap","seq":1}',
]


@pytest.mark.parametrize("text", GARBAGE)
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(BadFrame):
        read(text)


def test_a_refusal_names_the_servers_code() -> None:
    with pytest.raises(PolyBoltRefused, match="auth_required"):
        read('{"op":"error","code":"auth_required","channel":"price.crypto.twap","rid":"s"}')


# --- the source


def a_source(ws: WsScript, inbox: ListInbox, running: Running) -> PolyBoltSource:
    quick = Backoff(first_s=0.02, cap_s=0.1)
    return running(PolyBoltSource(ws.url, KEYS, "btc/usd", inbox, lambda: NOW_NS, backoff=quick))


def said(inbox: ListInbox) -> list[str]:
    return [f"{word.state} {word.why}".strip() for word in inbox.of(SourceState)]


def ops(ws: WsScript) -> list[str]:
    return [json.loads(text)["op"] for text in ws.heard]


def test_it_authenticates_waits_for_the_answer_and_subscribes(ws: WsScript, inbox: ListInbox, running: Running) -> None:
    a_source(ws, inbox, running)
    wait_for(lambda: ops(ws) == ["auth"], "the credentials")
    assert json.loads(ws.heard[0])["auth"] == {
        "apiKey": "key",
        "secret": "secret-of-ours",
        "passphrase": "pass-of-ours",
    }
    ws.live[-1].send('{"op":"authed","rid":"auth"}')
    wait_for(lambda: ops(ws) == ["auth", "subscribe"], "the subscription")
    wish = {"channel": "price.crypto.twap", "filter": {"symbol": "btcusd", "window_seconds": 60}}
    assert json.loads(ws.heard[1])["subscriptions"] == [wish]
    ws.live[-1].send(a_frame(1, snapshot=True, payload={"data": [POINT]}))
    ws.live[-1].send(a_frame(4))
    wait_for(lambda: len(inbox.of(OracleRelayed)) == 2, "the prints")
    wait_for(lambda: ops(ws)[2:] == ["unsubscribe", "subscribe"], "the snapshot asked for again")


def test_refused_credentials_end_it_and_no_secret_is_ever_said(
    ws: WsScript, inbox: ListInbox, running: Running
) -> None:
    source = a_source(ws, inbox, running)
    wait_for(lambda: ws.heard, "the credentials")
    ws.live[-1].send('{"op":"error","code":"auth_invalid","rid":"auth"}')
    wait_for(lambda: any(s.startswith("closed the server said: auth_invalid") for s in said(inbox)), "the end")
    assert not source.socket._wanted.is_set() and source.socket.opened == 1
    assert "of-ours" not in repr(inbox.words)


def test_a_closing_for_good_is_not_tried_again_and_one_for_a_while_is(
    ws: WsScript, inbox: ListInbox, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polybot.adapters.polymarket.polybolt.DRAIN_S", 0.05)
    source = a_source(ws, inbox, running)
    wait_for(lambda: len(ws.live) == 1, "the first")
    ws.live[-1].close(4003, "draining")
    wait_for(lambda: len(ws.live) == 2, "the second, as the server sees it: the client may be told sooner")
    ws.live[-1].close(4008, "policy")
    wait_for(lambda: any("not tried again" in s for s in said(inbox)), "the end")
    assert not source.socket._wanted.is_set()
