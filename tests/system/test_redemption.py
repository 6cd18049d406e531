"""Winners redeemed over real processes while the relayer's answers are lost: paid once, and the books are the venue's."""

from pathlib import Path

import pytest

from polybot.core.executor.books.entries import PaidOut, RedeemBegun, from_bytes
from polybot.runtime.store.journal import SNAPSHOT, Journal
from tests.system.conftest import Bot

FAULTS = """
[[fault]]
kind = "lost_request"
service = "relayer"
path = "/submit"
nth = [1]

[[fault]]
kind = "lost_answer"
service = "relayer"
path = "/submit"
nth = [2, 3]
"""


@pytest.mark.long
@pytest.mark.timeout(300)
def test_lost_answers_of_the_relayer_pay_nobody_twice(bot: Bot, tmp_path: Path) -> None:
    script = tmp_path / "relayer.toml"
    script.write_text(FAULTS)
    bot.run("--windows", "8", "--speed", "60", "--seed", "42", "--strategy", "always_up", "--faults", str(script))
    assert bot.finish(240) == 0, bot.output.read_text()[-3000:] + bot.logs()
    log = (bot.paths.logs / "venue.log").read_text()
    assert "kind=lost_answer" in log and "kind=lost_request" in log
    entries = [from_bytes(r.data).entry for r in Journal(bot.paths.journal).records if r.kind != SNAPSHOT]
    begun = [e for e in entries if isinstance(e, RedeemBegun)]
    paid = [e for e in entries if isinstance(e, PaidOut)]
    assert len(begun) > len({e.slug for e in begun}), "what was lost was tried again"
    assert len(paid) == len({e.slug for e in paid}) == len({e.slug for e in begun}) >= 2, "each window is paid once"
    bot.check_books()
