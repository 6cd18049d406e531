"""One kept connection: did the bytes leave?"""

import contextlib
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polybot.adapters.net.http import HttpConnection, Lost, NotSent, Shut
from tests.adapters.conftest import HttpScript, answer
from tests.waiting import wait_for


def test_requests_share_one_connection(http: HttpScript) -> None:
    http.say = [answer(200, {"a": 1})]
    connection = HttpConnection(http.url, 2.0)
    for _ in range(3):
        assert connection.exchange("GET", "/x", {}).body == b'{"a": 1}'
    assert http.connections == 1


def test_a_request_is_whole(http: HttpScript) -> None:
    http.say = [answer(201, "", retry_after="7")]
    response = HttpConnection(http.url + "/base/", 2.0).exchange("POST", "/order?a=1", {"POLY_X": "y"}, b"{}")
    asked = http.asked[0]
    assert (response.status, response.headers["retry-after"]) == (201, "7")
    assert (asked.method, asked.path, asked.body, asked.headers["poly_x"]) == ("POST", "/base/order?a=1", b"{}", "y")


def test_a_refused_connection_means_that_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotSent, match="cannot connect"):
        HttpConnection(f"http://127.0.0.1:{port}", 1.0).exchange("POST", "/order", {}, b"{}")


@pytest.mark.parametrize(
    "said",
    [
        "hang",
        "drop",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
    ],
)
def test_an_answer_that_does_not_come_whole_is_lost(http: HttpScript, said: Any) -> None:
    http.say = [lambda _: said] if isinstance(said, str) else [said]
    if isinstance(said, bytes) and b"garbage" not in said:
        http.say = [lambda _: (said, http.close_connections)[0]]
    connection = HttpConnection(http.url, 0.3)
    with pytest.raises(Lost):
        connection.exchange("POST", "/order", {}, b"{}")
    assert len(http.asked) == 1


def test_after_a_loss_the_next_request_has_a_fresh_connection(http: HttpScript) -> None:
    http.say = ["drop", answer(200, "ok")]
    connection = HttpConnection(http.url, 1.0)
    with pytest.raises(Lost):
        connection.exchange("POST", "/order", {}, b"{}")
    assert connection.exchange("POST", "/order", {}, b"{}").body == b"ok"
    assert http.connections == 2


def test_an_idle_connection_that_was_closed_is_noticed_before_an_order_is_sent_into_it(http: HttpScript) -> None:
    http.say = [answer(200, "ok")]
    connection = HttpConnection(http.url, 1.0)
    connection.exchange("GET", "/", {})
    http.close_connections()
    wait_for(connection._is_gone, "the close arrives")
    assert connection.exchange("POST", "/order", {}, b"{}").body == b"ok"
    assert len(http.asked) == 2


def test_a_read_is_repeated_once_but_not_after_a_timeout(http: HttpScript) -> None:
    http.say = ["drop", answer(200, "ok")]
    assert HttpConnection(http.url, 1.0).read("/x").body == b"ok"
    http.say = ["hang"]
    http.asked.clear()
    with pytest.raises(Lost):
        HttpConnection(http.url, 0.2).read("/x")
    assert len(http.asked) == 1


def test_a_shut_gate_keeps_the_bytes_at_home(http: HttpScript) -> None:
    http.say = [answer(200, "ok")]
    entered: list[str] = []

    @contextlib.contextmanager
    def gate(why: str) -> Iterator[str]:
        entered.append("in")
        yield why
        entered.append("out")

    connection = HttpConnection(http.url, 1.0)
    with pytest.raises(Shut, match="halted"):
        connection.exchange("POST", "/order", {}, b"{}", lambda: gate("halted"))
    assert http.asked == []
    assert connection.exchange("POST", "/order", {}, b"{}", lambda: gate("")).status == 200
    assert entered[-2:] == ["in", "out"]


def test_the_gate_is_left_before_the_answer_comes(http: HttpScript) -> None:
    http.say = ["hang"]
    left: list[int] = []

    @contextlib.contextmanager
    def gate() -> Iterator[str]:
        yield ""
        left.append(1)

    with pytest.raises(Lost):
        HttpConnection(http.url, 0.2).exchange("POST", "/order", {}, b"{}", gate)
    assert left == [1]


EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"


def test_interim_answers_are_not_the_answer(http: HttpScript) -> None:
    interim = b"HTTP/1.1 102 Processing\r\n\r\n" + EARLY + b"HTTP/1.1 100 Continue\r\n\r\n"
    http.say = [interim + answer(200, "first"), answer(200, "second")]
    connection = HttpConnection(http.url, 2.0)
    first = connection.exchange("POST", "/order", {}, b"{}")
    assert (first.status, first.body, "link" in first.headers) == (200, b"first", False)
    assert connection.exchange("GET", "/", {}).body == b"second"
    assert http.connections == 1


@pytest.mark.parametrize("said", [EARLY * 20, b"HTTP/1.1 101 Switching Protocols\r\n\r\n"])
def test_interim_answers_without_end_are_lost(http: HttpScript, said: bytes) -> None:
    http.say = [said + answer(200, "late")]
    with pytest.raises(Lost):
        HttpConnection(http.url, 2.0).exchange("POST", "/order", {}, b"{}")


def test_an_endless_answer_is_given_up(http: HttpScript) -> None:
    http.say = [b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 17 * 1024 * 1024]
    with pytest.raises(Lost, match="more than"):
        HttpConnection(http.url, 2.0).exchange("GET", "/", {})


@pytest.fixture
def https(http: HttpScript, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HttpScript:
    """The scripted server behind TLS, with a certificate that is trusted for this test."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    request = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(["openssl", *request.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    http.wrap = lambda connection: context.wrap_socket(connection, server_side=True)
    http.url = http.url.replace("http://", "https://")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return http


def test_a_warmed_tls_connection_is_the_one_that_carries_the_order(https: HttpScript) -> None:
    https.say = [answer(200, "ok")]
    connection = HttpConnection(https.url, 2.0)
    connection.warm()
    for _ in range(3):
        assert connection.exchange("POST", "/order", {}, b"{}").body == b"ok"
    assert https.connections == 1


def test_a_closed_tls_connection_is_noticed(https: HttpScript) -> None:
    https.say = [answer(200, "ok")]
    connection = HttpConnection(https.url, 2.0)
    connection.exchange("GET", "/", {})
    https.close_connections()
    wait_for(connection._is_gone, "the close arrives")
    assert connection.exchange("POST", "/order", {}, b"{}").body == b"ok"
    assert https.connections == 2


def test_a_certificate_nobody_trusts_means_that_nothing_was_sent(
    https: HttpScript, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(NotSent, match="certificate"):
        HttpConnection(https.url, 2.0).exchange("POST", "/order", {}, b"{}")


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "clob.polymarket.com"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not an http address"):
        HttpConnection(url, 1.0)
