"""A balance read that must be fresh tells the venue to look at the chain first, for the right asset and signature type."""

from messages.inner import ForDifference, ForReconciliation, ReadBalance
from polybot.adapters.polymarket.clob import Clob
from polybot.adapters.polymarket.effects import AccountEffects
from polybot.adapters.polymarket.gamma import Gamma
from polybot.adapters.polymarket.signing import Credentials, Wallet
from tests.adapters.conftest import HttpScript, answer

KEY = "11" * 32
POSITION_ID = (1 << 248) | (7 << 104)  # bits 40…103 zero: a protocol-v2 asset


def reads_of(http: HttpScript, word: ReadBalance) -> list[str]:
    http.say = [answer(200, {"balance": "5000000", "allowances": {}})]
    credentials = Credentials("key", "AAEC", "pass")
    clob = Clob(http.url, Wallet(KEY), lambda: 1_795_132_800, credentials=credentials, timeout_s=2.0)
    read = AccountEffects(clob, Gamma(http.url)).read_balance(word)
    assert read.known and read.balance_e6 == 5_000_000
    return [asked.path for asked in http.asked]


def test_a_fresh_read_updates_first(http: HttpScript) -> None:
    first, second = reads_of(http, ReadBalance(purpose=ForDifference(), token_id="123" * 20, refresh=True))
    assert first.startswith("/balance-allowance/update?asset_type=CONDITIONAL&signature_type=0&token_id=123")
    assert second.startswith("/balance-allowance?asset_type=CONDITIONAL&signature_type=0&token_id=123")


def test_an_ordinary_read_does_not(http: HttpScript) -> None:
    (only,) = reads_of(http, ReadBalance(purpose=ForReconciliation(round=1), token_id=""))
    assert only == "/balance-allowance?asset_type=COLLATERAL&signature_type=0"


def test_a_protocol_v2_position_is_asked_for_by_its_own_kind(http: HttpScript) -> None:
    (only,) = reads_of(http, ReadBalance(purpose=ForReconciliation(round=1), token_id=str(POSITION_ID)))
    assert "asset_type=CONDITIONAL-V2" in only
