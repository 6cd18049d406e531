"""`polybot-ctl venue`: the venue in the foreground, without a bot."""

import asyncio
from typing import Any

from polybot.cli.session.fault_scripts import alone, put_script, script_text_or_leave
from polybot.cli.support.common import leave
from polybot.runtime.base import log
from polybot.runtime.base.paths import Paths
from polybot.runtime.safety import halt

IN_USE = 75


def serve(state: str | None, world: str, faults_file: str | None, **wishes: Any) -> None:
    """Until SIGTERM or Ctrl-C; 78 with a sentence when what was asked for cannot be."""
    from polybot.runtime.config.errors import ConfigError
    from polybot.sim.world.scenarios import UnknownScenario, scenario_named
    from polybot.venue.faults.script import ScriptError
    from polybot.venue.standalone import Wishes
    from polybot.venue.standalone import serve as until_told
    from polybot.venue.tape_files import TapeError

    if world not in ("synthetic", "tape", "mirror") or (world == "tape") != bool(wishes["tape"]):
        leave(78, f"--world {world}: synthetic, mirror, or tape together with --tape DIR")
    if wishes["scenario"] and world != "synthetic":
        leave(78, f"--scenario {wishes['scenario']} bends the synthetic world: with --world {world} there is none")
    try:
        scenario_named(wishes["scenario"])
    except UnknownScenario as exc:
        leave(78, str(exc))
    log.talk_on_stderr()  # stdout is one line of JSON, for whoever started us
    script = script_text_or_leave(faults_file, "demo")
    paths = folder(state)
    halt.prepare(paths)
    put_script(paths, script)
    try:
        if world == "mirror":
            _refuse_if_unreachable()
            from polybot.venue.mirror.standalone import serve as until_told

        asyncio.run(until_told(paths, Wishes(**wishes)))
    except (ConfigError, TapeError, ScriptError) as exc:
        leave(78, str(exc))
    except OSError as exc:
        leave(IN_USE, f"the venue cannot listen from port {wishes['port']} on: {exc.strerror or exc}")


def _refuse_if_unreachable() -> None:
    """Leave with a sentence when the real venue cannot be reached: there would be nothing to mirror."""
    from polybot.runtime.supervision.preflight import StartRefused, check_reachable

    try:
        check_reachable()
    except StartRefused as exc:
        leave(exc.code, str(exc))


def folder(state: str | None) -> Paths:
    """Never a bot's own folder: its session would be another's."""
    return Paths.of(state) if state else alone()
