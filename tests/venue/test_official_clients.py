"""Both official clients, unmodified, trade at the venue: each verb is one test.

They have a venv of their own, made from clients/requirements.lock (or POLYBOT_CLIENTS_PYTHON names one that has them):
what they need is nothing the bot needs.
"""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.venue.conftest import CLIENTS

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

BOTH = """derive credentials/read a market/list markets/read a book/read books/read the grant/limit/post-only/read orders
/cancel one/cancel some/batch/cancel a market's/cancel all/FOK BUY/FAK BUY/trades confirm/FOK SELL/FAK SELL/read trades
/read balances/signature type 1/signature type 2/signature type 3/heartbeat""".replace("\n", "").split("/")
UNIFIED = [
    "read events of a series",
    "read midpoints",
    "read activity",
    "read positions",
    "read value",
    "read approvals",
    "read holders",
    "read price history",
    "search",
]
STREAMS = """a book/a price change/the best prices/a public trade/an order's placement/an order's cancellation
/a trade's MATCHED/a trade's MINED/a trade's CONFIRMED/RTDS's TWAP/RTDS's chainlink/RTDS's binance/PolyBolt's TWAP
/PolyBolt's price""".replace("\n", "").split("/")
OLDER = [
    "read prices",
    "read price history",
    "read an order",
    "scoring",
    "notifications",
    "delete the key",
]


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    state = str(tmp_path_factory.mktemp("clients-venue") / "state")
    command = [sys.executable, "-m", "polybot.cli", "venue", "--port", "0", "--state", state]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


def tried(python: str, script: str, urls: str) -> dict[str, bool]:
    done = subprocess.run(
        [python, str(CLIENTS / script), urls], capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    verbs: dict[str, bool] = json.loads(done.stdout.splitlines()[-1])
    return verbs


@pytest.fixture(scope="module")
def unified(python: str, urls: str) -> dict[str, bool]:
    return tried(python, "unified.py", urls)


@pytest.fixture(scope="module")
def streams(python: str, urls: str) -> dict[str, bool]:
    return tried(python, "streams.py", urls)


@pytest.fixture(scope="module")
def older(python: str, urls: str) -> dict[str, bool]:
    return tried(python, "older.py", urls)


@pytest.mark.parametrize("verb", BOTH + UNIFIED)
def test_the_unified_client_can(unified: dict[str, bool], verb: str) -> None:
    assert unified[verb]


@pytest.mark.parametrize("verb", BOTH + OLDER)
def test_the_older_client_can(older: dict[str, bool], verb: str) -> None:
    assert older[verb]


@pytest.mark.parametrize("what", STREAMS)
def test_the_unified_client_can_stream(streams: dict[str, bool], what: str) -> None:
    assert streams[f"stream {what}"]
