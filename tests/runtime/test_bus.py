"""The bus over real ipc sockets: gaps, garbage, deadlines, schema."""

import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from messages import Envelope, PriceTick, Snapshot, decode_envelope, encode, topic_of
from messages.control import Done
from messages.inner import NoReply
from polybot.runtime.loop.bus import Client, Publisher, Server, Subscriber, ask, pub_endpoint, req_endpoint
from polybot.runtime.loop.stamping import Stamper
from tests import build


def a_tick(price: float = 65_000.0, symbol: str = "btcusdt") -> PriceTick:
    return build.a_tick(symbol=symbol, price=price)


@pytest.fixture
def context() -> Iterator["zmq.Context[zmq.Socket[bytes]]"]:
    made: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield made
    made.destroy(0)


def joined(publisher: Publisher, subscriber: Subscriber, stamper: Stamper) -> None:
    """Say until heard: the subscription has reached the publisher."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        publisher.send(*stamper.wrap(a_tick(), 1, ""))
        if subscriber.recv(20):
            while subscriber.recv(50):
                pass
            return
    raise AssertionError("the subscriber never heard anything")


def test_words_arrive_typed_and_only_those_asked_for(tmp_path: Path, context: "zmq.Context[zmq.Socket[bytes]]") -> None:
    publisher, stamper = Publisher(context, tmp_path, "price_feed"), Stamper("price_feed", 3)
    subscriber = Subscriber(tmp_path, ["price_feed"], [PriceTick], context)
    joined(publisher, subscriber, stamper)
    publisher.send("PriceTickX/other", b"nobody asked for this")
    publisher.send(*stamper.wrap(a_tick(1.5), 42, "inner:Tick"))
    heard = subscriber.recv(2000)
    assert heard is not None
    assert heard.body == a_tick(1.5)
    assert (heard.source, heard.boot, heard.at_ns, heard.cause) == ("price_feed", 3, 42, "inner:Tick")
    assert subscriber.dropped == 0


def test_a_lost_message_is_seen_as_a_gap_of_its_own_topic_only(
    tmp_path: Path, context: "zmq.Context[zmq.Socket[bytes]]"
) -> None:
    publisher, stamper = Publisher(context, tmp_path, "price_feed"), Stamper("price_feed", 1)
    subscriber = Subscriber(tmp_path, ["price_feed"], [PriceTick], context)
    joined(publisher, subscriber, stamper)
    stamper.wrap(a_tick(), 1, "")  # stamped and never sent
    stamper.wrap(a_tick(), 1, "")
    publisher.send(*stamper.wrap(a_tick(symbol="ethusdt"), 1, ""))
    assert subscriber.recv(2000)
    assert subscriber.gaps == 0
    publisher.send(*stamper.wrap(a_tick(), 1, ""))
    assert subscriber.recv(2000)
    assert subscriber.gaps == 2


def test_garbage_and_another_schema_are_counted_and_dropped(
    tmp_path: Path, context: "zmq.Context[zmq.Socket[bytes]]"
) -> None:
    publisher, stamper = Publisher(context, tmp_path, "price_feed"), Stamper("price_feed", 1)
    subscriber = Subscriber(tmp_path, ["price_feed"], [PriceTick], context)
    joined(publisher, subscriber, stamper)
    topic, good = stamper.wrap(a_tick(), 1, "")
    raw = publisher.socket
    raw.send_multipart((topic.encode(), b"\x00" * 6 + good))  # another build
    publisher.send(topic, good[:-3])  # truncated
    publisher.send(topic, os.urandom(500))
    publisher.send(topic, b"\x91" * 100_000)  # deeply nested
    raw.send_multipart((topic.encode(),))  # one part only
    publisher.send(topic, good)
    heard = subscriber.recv(2000)
    assert heard is not None
    assert heard.body == a_tick()
    assert subscriber.dropped == 5
    assert len(subscriber.foreign_schemas) == 1


def test_a_request_is_answered_to_everyone_who_asked_it(
    tmp_path: Path, context: "zmq.Context[zmq.Socket[bytes]]"
) -> None:
    server = Server(context, tmp_path, "executor")
    stamper = Stamper("risk", 1)
    clients = [Client(context, tmp_path, "executor") for _ in range(2)]
    _, data = stamper.wrap(Snapshot(id="s1"), 1, "")
    deadline = time.monotonic_ns() + 5_000_000_000
    for client in clients:
        end = time.monotonic() + 5
        while not client.send(data, deadline):
            assert time.monotonic() < end
            time.sleep(0.002)
    heard: list[Envelope] = []
    end = time.monotonic() + 5
    while len(heard) < 2 and time.monotonic() < end:
        server.socket.poll(50)
        heard += [e for e, _ in server.drain(10)]
    assert [e.body for e in heard] == [Snapshot(id="s1")] * 2
    reply = Done(id="s1", ok=True)
    server.answer(reply, Stamper("executor", 1).wrap(reply, 1, "request:s1")[1])
    for client in clients:
        assert client.socket.poll(2000)
        assert [e.body for e, _ in client.drain(5)] == [reply]


def test_an_expired_request_is_dropped_unseen(tmp_path: Path, context: "zmq.Context[zmq.Socket[bytes]]") -> None:
    server = Server(context, tmp_path, "executor")
    client = Client(context, tmp_path, "executor")
    _, data = Stamper("risk", 1).wrap(Snapshot(id="late"), 1, "")
    end = time.monotonic() + 5
    while not client.send(data, time.monotonic_ns() - 1):
        assert time.monotonic() < end
        time.sleep(0.002)
    assert server.socket.poll(2000)
    assert list(server.drain(5)) == []


def test_nothing_is_queued_for_a_server_that_is_not_there(
    tmp_path: Path, context: "zmq.Context[zmq.Socket[bytes]]"
) -> None:
    client = Client(context, tmp_path, "executor")
    _, data = Stamper("risk", 1).wrap(Snapshot(id="x"), 1, "")
    assert not client.send(data, time.monotonic_ns() + 10**9)
    reply = ask(tmp_path, "executor", Snapshot(id="y"), 0.1)
    assert reply == NoReply(id="y", to="executor", request="Snapshot")


def test_a_malformed_letter_is_counted_and_the_server_goes_on(
    tmp_path: Path, context: "zmq.Context[zmq.Socket[bytes]]"
) -> None:
    server = Server(context, tmp_path, "executor")
    raw = context.socket(zmq.DEALER)
    raw.connect(req_endpoint(tmp_path, "executor"))
    for parts in ((b"x",), (b"x", b"y"), (struct.pack("<q6s", 2**62, b"\x00" * 6), b"other schema"), (b"", b"", b"")):
        raw.send_multipart(parts)
    end = time.monotonic() + 5
    while server.dropped < 4 and time.monotonic() < end:
        server.socket.poll(50)
        assert list(server.drain(10)) == []
    assert server.dropped == 4
    assert raw.poll(2000), "a foreign schema is told so by name"
    assert raw.recv_multipart()[0].startswith(b"schema ")


def test_sequences_count_per_topic_and_requests_consume_none() -> None:
    stamper = Stamper("signal", 9)
    seqs = []
    for word in (a_tick(), Snapshot(id="a"), a_tick(symbol="ethusdt"), a_tick()):
        seqs.append(decode_envelope(stamper.wrap(word, 5, "")[1]).seq)
    assert seqs == [1, 0, 1, 2]


def test_endpoints_are_files_of_the_socket_folder(tmp_path: Path) -> None:
    assert pub_endpoint(tmp_path, "risk") == f"ipc://{tmp_path}/risk.pub"
    assert topic_of(a_tick()) == "PriceTick/btcusdt"
    assert decode_envelope(encode(Stamper("a", 1).envelope(a_tick(), 1, "", "PriceTick/btcusdt"))).seq == 1
