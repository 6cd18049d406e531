"""status names what keeps the executor from trading, for people as lines, for programs as fields of its account."""

from typing import Any

import pytest

from polybot.cli.commands.status import in_the_way

WELL: dict[str, Any] = {
    "venue_state": "running",
    "venue_why": "",
    "pulse_state": "beating",
    "pulse_why": "",
    "why_not_ready": "",
    "unknown_orders": [],
    "foreign": [],
}


def test_nothing_is_in_the_way() -> None:
    assert in_the_way(WELL) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"venue_state": "restarting", "venue_why": "HTTP 425"}, ("restarting", "HTTP 425")),
        ({"venue_state": "post_only", "venue_why": "only cancels [post_only_mode]"}, ("post_only", "[post_only_mode]")),
        ({"pulse_state": "failing", "pulse_why": "no heartbeat: HTTP 500"}, ("no new orders", "HTTP 500")),
        ({"why_not_ready": "the venue's books are not known"}, ("not ready", "not known")),
        ({"unknown_orders": ["0xa"]}, ("0xa", "unknown")),
        ({"foreign": ["position:777"]}, ("position:777", "not ours")),
    ],
)
def test_each_thing_in_the_way_is_one_line_with_its_reason(change: dict[str, Any], words: tuple[str, ...]) -> None:
    (line,) = in_the_way(WELL | change)
    assert all(word in line for word in words)
