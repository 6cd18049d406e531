"""Where we are, by the venue's word: only a clear yes or no is known."""

import pytest

from polybot.adapters.polymarket.geoblock import read_geoblock
from tests.adapters.conftest import HttpScript, answer


@pytest.mark.parametrize("blocked", [True, False])
def test_a_clear_word_is_known(http: HttpScript, blocked: bool) -> None:
    http.say = [answer(200, {"blocked": blocked, "country": "IE"})]
    told = read_geoblock(http.url + "/api/geoblock", 0.5)
    assert (told.known, told.blocked, "IE" in told.why) == (True, blocked, True)


@pytest.mark.parametrize(
    ("status", "body"), [(403, {"blocked": False}), (200, {"blocked": "no"}), (200, {}), (500, {})]
)
def test_all_else_is_silence(http: HttpScript, status: int, body: dict[str, object]) -> None:
    http.say = [answer(status, body)]
    assert not read_geoblock(http.url + "/api/geoblock", 0.5).known


def test_nobody_there_is_silence() -> None:
    assert not read_geoblock("http://127.0.0.1:9", 0.5).known
