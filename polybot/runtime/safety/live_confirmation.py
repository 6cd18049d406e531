"""Who said that this live session may trade: a record that `run` and `up` write when all conditions hold, and
every actor asks for.

So no other way in is open: an actor started by hand, or supervisord by itself, finds no record and leaves. The record
speaks for one session, one wallet, one venue and one life of the machine, and goes with the clean stop.
"""

import getpass
import json
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

from polybot.runtime.base.paths import Paths, replace_synced

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
REFUSED = 77
HOW = "start it with: polybot-ctl up --confirm-live <last six hex digits of the wallet's address>"


class Confirmed(NamedTuple):
    """address: the wallet with the money; at: UTC wall time; machine: this boot of it; stand_in: the venue of a rehearsal."""

    session: str
    address: str
    by: str
    at: str
    machine: str
    stand_in: str


def _file(paths: Paths) -> Path:
    return paths.run / "confirmed.json"


def _machine() -> str:
    """One boot of this machine; "" where that cannot be told (no Linux), which then is every boot."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def write(paths: Paths, session: str, address: str, stand_in: str) -> Confirmed:
    """Write the confirmation and return it; it is on disk before anything starts."""
    who = f"{getpass.getuser()} (process {os.getpid()})"
    made = Confirmed(session, address, who, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), _machine(), stand_in)
    replace_synced(_file(paths), json.dumps(made._asdict(), indent=1) + "\n")
    return made


def forget(paths: Paths) -> None:
    """The bot was stopped: the next start confirms anew."""
    _file(paths).unlink(missing_ok=True)


def read(paths: Paths) -> Confirmed | None:
    """What stands; None where nothing does, or nothing that can be read."""
    try:
        facts = json.loads(_file(paths).read_text())
        found = Confirmed(*(facts[field] for field in Confirmed._fields))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if all(isinstance(part, str) for part in found) else None


def why_not(paths: Paths, session: str, stand_in: str) -> str:
    """The sentence that refuses; "" when this session was confirmed on this boot of the machine, for this venue."""
    found = read(paths)
    if found is None:
        return f"live was not confirmed for session {session or '(none)'}: {HOW}"
    if found.session != session or not session:
        return f"live was confirmed for session {found.session}, not for {session or '(none)'}: {HOW}"
    if found.stand_in != stand_in:
        was, is_now = (name or "the public hosts" for name in (found.stand_in, stand_in))
        return f"live was confirmed for {was}, not for {is_now} (POLYBOT_ENDPOINTS): {HOW}"
    if found.machine != _machine():
        return f"live was confirmed at {found.at}, before this machine was restarted: {HOW}"
    return ""


def require(paths: Paths, session: str, stand_in: str) -> None:
    """For an actor of a live session: leaves with 77 unless the session was confirmed."""
    _leave_if(why_not(paths, session, stand_in))


def require_wallet(paths: Paths, address: str) -> None:
    """For the executor, before it opens anything: leaves with 77 when the money is another wallet's than confirmed."""
    found = read(paths)
    if found is None or found.address.lower() != address.lower():
        stood = found.address if found else "none"
        _leave_if(f"live was confirmed for the wallet {stood}, the money is in {address}: {HOW}")


def _leave_if(why: str) -> None:
    if why:
        sys.stderr.write(f"{why}\n")
        sys.exit(REFUSED)
