"""The order lane's connection is opened before it is needed."""

from polybot.adapters.polymarket.clob import Clob
from polybot.adapters.polymarket.signing import Credentials, Wallet
from tests.adapters.conftest import HttpScript, answer
from tests.build import a_post
from tests.waiting import wait_for

POST = a_post()


def a_clob(url: str) -> Clob:
    return Clob(url, Wallet("11" * 32), lambda: 1_795_132_800, credentials=Credentials("k", "AAEC", "p"), timeout_s=2.0)


def test_a_warm_connection_is_the_one_the_order_goes_out_on(http: HttpScript) -> None:
    http.say = [answer(400, {"error": "no"})]
    clob = a_clob(http.url)
    clob.warm()
    clob.warm()
    wait_for(lambda: http.connections == 1, "one connection")
    assert http.asked == [], "not a byte of a request"
    clob.post_order(POST)
    assert http.connections == 1 and len(http.asked) == 1


def test_one_that_was_closed_meanwhile_is_opened_again(http: HttpScript) -> None:
    http.say = [answer(400, {"error": "no"})]
    clob = a_clob(http.url)
    clob.warm()
    wait_for(lambda: http.connections == 1, "the first")
    http.close_connections()

    def warmed_again() -> bool:
        clob.warm()
        return http.connections == 2

    wait_for(warmed_again, "the second")
    assert clob.post_order(POST).outcome == "refused"
    assert http.connections == 2


def test_a_venue_that_is_not_there_is_the_orders_to_tell() -> None:
    clob = a_clob("http://127.0.0.1:9")
    clob.warm()
    assert clob.post_order(POST).outcome == "retry"
