"""What `doctor` found: each check passed, failed or unknown, with what was seen and the mend. Unknown is never passed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["passed", "failed", "unknown"]


@dataclass(frozen=True)
class Check:
    """One line of doctor's.

    seen    what was found, with the value and the bound        mend    what to do about it; "" when passed
    blocks  live does not start unless this one is passed; False: it is told, and stops nobody
    """

    name: str
    status: Status
    seen: str
    mend: str = ""
    blocks: bool = True

    @property
    def stops_live(self) -> bool:
        """True when live must not start because of this check: it blocks, and it did not pass."""
        return self.blocks and self.status != "passed"


def passed(name: str, seen: str) -> Check:
    """A check that passed, with what was seen."""
    return Check(name, "passed", seen)


def failed(name: str, seen: str, mend: str, *, blocks: bool = True) -> Check:
    """A check that failed: what was seen, and how to mend it. It keeps live shut unless blocks is False."""
    return Check(name, "failed", seen, mend, blocks)


def unknown(name: str, why: str, mend: str, *, blocks: bool = True) -> Check:
    """A check without a clear answer: neither passed nor failed."""
    return Check(name, "unknown", why, mend, blocks)


def exit_code(checks: Iterable[Check]) -> int:
    """1 when something failed, else 3 when something is unknown, else 0."""
    statuses = {check.status for check in checks}
    return 1 if "failed" in statuses else 3 if "unknown" in statuses else 0
