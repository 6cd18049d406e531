"""The conditions of live, in order; one that does not hold refuses with 77, and none behind it is tried:

 1. `profile = "live"` stands in the config or in POLYBOT_PROFILE: a flag alone is too easily typed
 2. --confirm-live names the last six hex digits of the address of the wallet that may lose
 3. `doctor` finds key, wallet, venue and machine in order. It is asked as a process of its own, so that the one that stays
    never opens the key; it looks at this machine and at the address before it calls anybody

What passed is written down for this session (runtime/safety/live_confirmation.py), and every actor asks for that record.
"""

import os
import re
import subprocess
import sys

import msgspec

from polybot.core.checks import Check
from polybot.runtime.base.paths import ROOT
from polybot.runtime.config import config
from polybot.runtime.config.config import variable_of
from polybot.runtime.supervision.preflight import StartRefused
from polybot.settings import Settings

UNSAFE = 77
DOCTOR_S = 90.0
DRAG = (
    "live trades real money: a fair coin bought at 0.51 loses 5.4 % of every stake, the fee included, and by streak sizing "
    "without another limit leaves no room above the 30 % floor within 72 windows in 84 % of sessions"
)


class _Found(msgspec.Struct):
    """doctor --json, as far as it is read here."""

    address: str
    checks: tuple[Check, ...]


def through(settings: Settings, flags: dict[str, str], confirm: str | None) -> str:
    """The confirmed wallet's address; "" in the profiles that have no conditions. Raises StartRefused."""
    if settings.bot.profile != "live":
        return ""
    if (
        config.load({knob: text for knob, text in flags.items() if knob != "bot.profile"}).settings.bot.profile
        != "live"
    ):
        raise StartRefused(
            UNSAFE,
            'live is not started by a flag alone: write profile = "live" into config.toml, or set POLYBOT_PROFILE',
        )
    if not confirm or not re.fullmatch(r"(0x)?[0-9a-fA-F]{6}", confirm):
        given = f"--confirm-live {confirm} are not six hex digits. " if confirm else ""
        wanted = "--confirm-live and the last six hex digits of the wallet's address (polybot-ctl doctor shows it)"
        raise StartRefused(UNSAFE, f"{given}{DRAG}. If that is what you want: {wanted}")
    found = _ask_doctor(flags, confirm)
    shut = [check for check in found.checks if check.stops_live]
    if shut:
        lines = [f"  {c.status} {c.name}: {c.seen}\n    → {c.mend}" for c in shut]
        raise StartRefused(UNSAFE, "\n".join(["live does not start until doctor passes:", *lines]))
    return found.address


def _ask_doctor(flags: dict[str, str], confirm: str) -> _Found:
    command = [sys.executable, "-P", "-m", "polybot.cli", "doctor", "--json", "--confirm", confirm]
    environment = os.environ | {variable_of(knob): text for knob, text in flags.items()}
    try:
        done = subprocess.run(
            command, env=environment, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, timeout=DOCTOR_S
        )
        return msgspec.json.decode(done.stdout, type=_Found)
    except subprocess.TimeoutExpired:
        raise StartRefused(UNSAFE, f"doctor did not come to an end within {DOCTOR_S:g} s: is the network up?") from None
    except msgspec.MsgspecError as exc:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise StartRefused(UNSAFE, f"doctor told nothing ({exc}): {said[-1] if said else 'not a word'}") from exc
