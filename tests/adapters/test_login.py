"""What the executor does when it is not let in, over a real socket: refused by name is for a person, silence is tried again."""

from pathlib import Path

import pytest

from actors import executor
from messages.inner import GeoblockRead
from polybot.adapters.polymarket.clob import Clob
from polybot.adapters.polymarket.signing import Credentials, Wallet
from polybot.runtime.base.paths import Paths
from polybot.runtime.safety import halt
from tests.adapters.conftest import HttpScript, answer

WALLET = Wallet("0x" + "11" * 32)
KEYS = {"apiKey": "k", "secret": "AAEC", "passphrase": "p"}


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setattr(executor, "REFUSED_S", 0.2)
    monkeypatch.setattr(executor, "LOGIN_S", 0.6)
    paths = Paths(tmp_path / "state")
    halt.prepare(paths)
    return paths


def somewhere(blocked: bool = False) -> GeoblockRead:
    """What the geoblock endpoint says of this machine."""
    return GeoblockRead(known=True, blocked=blocked, why="somewhere")


@pytest.mark.parametrize(
    ("status", "code"), [(401, "AUTH"), (403, "GEOBLOCK"), (400, ""), (425, ""), (500, ""), (503, "")]
)
def test_refused_by_name_halts_and_is_not_started_again_and_all_else_is(
    paths: Paths, http: HttpScript, status: int, code: str
) -> None:
    http.say = [answer(status, {"error": "Invalid L1 Request headers"})]
    with pytest.raises(SystemExit) as left:
        executor._logged_in(paths, Clob(http.url, WALLET, lambda: 1795132800, timeout_s=0.5), lambda: somewhere(True))
    standing = halt.look(paths)
    assert left.value.code == (78 if code else 1)
    assert (standing.reason_code if standing else "") == code
    if standing:
        assert (standing.by, "Invalid L1 Request headers" in standing.reason) == ("executor", True)


def test_a_403_at_the_door_is_no_halt_where_the_geoblock_endpoint_knows_of_no_block(
    paths: Paths, http: HttpScript
) -> None:
    http.say = [answer(403, {"error": "a page of some firewall"})]
    with pytest.raises(SystemExit) as left:
        executor._logged_in(paths, Clob(http.url, WALLET, lambda: 1795132800, timeout_s=0.5), somewhere)
    assert (left.value.code, halt.look(paths)) == (1, None)


def test_nobody_there_is_no_refusal(paths: Paths) -> None:
    with pytest.raises(SystemExit) as left:
        executor._logged_in(paths, Clob("http://127.0.0.1:9", WALLET, lambda: 1795132800, timeout_s=0.5), somewhere)
    assert (left.value.code, halt.look(paths)) == (1, None)


def test_a_refusal_that_passes_is_no_halt(paths: Paths, http: HttpScript) -> None:
    http.say = [*[answer(401, {"error": "x"})] * 2, answer(200, KEYS)]
    found = executor._logged_in(paths, Clob(http.url, WALLET, lambda: 1795132800, timeout_s=0.5), somewhere)
    assert (found, halt.look(paths)) == (Credentials("k", "AAEC", "p"), None)
