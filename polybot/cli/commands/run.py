"""`run`, `up` and `down` as the verbs of the command line."""

import os
import sys
import time
from collections.abc import Callable
from typing import Annotated

import typer

from polybot.cli.commands.books import owing
from polybot.cli.session import lifecycle, live_conditions, live_notice
from polybot.cli.session.completion import Completion
from polybot.cli.session.fault_scripts import put_script, script_text_or_leave
from polybot.cli.support.common import (
    FAILED,
    HALTED,
    NOT_RUNNING,
    flags_of,
    leave,
    settings_or_leave,
    use_preset,
)
from polybot.cli.support.options import Preset
from polybot.runtime.base.paths import Paths
from polybot.runtime.config.errors import ConfigError
from polybot.runtime.safety import halt
from polybot.runtime.supervision import preflight, session, supervisord
from polybot.runtime.supervision.preflight import StartRefused
from polybot.settings import Settings
from polybot.topology import needed

INTERRUPTED = 130

Profile = Annotated[str | None, typer.Option(help="demo, paper or live.")]
Windows = Annotated[int | None, typer.Option(min=1, help="How many five-minute windows.")]
Speed = Annotated[float | None, typer.Option(help="How many times faster than real; demo only.")]
Seed = Annotated[int | None, typer.Option(help="Which synthetic world; demo only.")]
Tape = Annotated[str | None, typer.Option(help="Folder of a recorded day; demo only.")]
Scenario = Annotated[
    str | None, typer.Option(help="A special day instead: see polybot-ctl venue scenarios; demo only.")
]
Strategy = Annotated[
    list[str] | None, typer.Option(help="Strategy to trade: a name, or path.py:Name; may be given several times.")
]
Capital = Annotated[float | None, typer.Option(help="The purse, in dollars.")]
Confirm = Annotated[
    str | None,
    typer.Option(
        "--confirm-live", help="Live only: the last six hex digits of the address of the wallet that may lose."
    ),
]

Faults = Annotated[str | None, typer.Option(help="Fault script (TOML) for the local venue; see presets/faults.")]


def run(
    profile: Profile = None,
    windows: Windows = None,
    speed: Speed = None,
    seed: Seed = None,
    tape: Tape = None,
    scenario: Scenario = None,
    strategy: Strategy = None,
    capital: Capital = None,
    preset: Preset = None,
    confirm_live: Confirm = None,
    faults: Faults = None,
) -> None:
    """A session from start to report, in the foreground. Ctrl-C is one clean stop."""
    use_preset(preset)
    flags = _flags(profile, windows, speed, seed, tape, scenario, strategy, capital)
    settings, paths = settings_or_leave(flags), Paths.of()
    script = script_text_or_leave(faults, settings.bot.profile)
    with lifecycle.interrupts() as interrupted:
        try:
            preflight.check(paths, settings)
            wallet = live_conditions.through(settings, flags, confirm_live)
            found = lifecycle.fresh_session(paths, settings, windows_given=windows is not None)
            live_notice.tell(paths, settings, found, wallet)
            put_script(paths, script)
            started = lifecycle.start(paths, settings, found, flags, attached=True)
        except (StartRefused, ConfigError) as exc:
            leave(exc.code if isinstance(exc, StartRefused) else 78, str(exc))
        code = FAILED
        try:
            code = _session(started, interrupted)
        except StartRefused as exc:
            code = exc.code
            sys.stderr.write(f"{exc}\n")
        finally:
            killed = lifecycle.stop(paths, started.popen)
            if killed:
                sys.stderr.write(f"had to be killed: {', '.join(killed)}\n")
    raise typer.Exit(code)


def _session(started: lifecycle.RunningSession, interrupted: list[str]) -> int:
    """From the first heartbeat to the report; the exit code."""
    from polybot.cli.commands import report
    from polybot.cli.session import progress

    paths, found = started.paths, started.session
    lifecycle.wait_ready(started, interrupted)
    ending = Completion(paths.sockets, found)
    why = ""

    def is_over() -> bool:
        nonlocal why
        ending.listen(0)
        why = _why_not(started, ending, interrupted)
        return bool(why) or ending.is_over()

    try:
        progress.watch(paths, started.settings, is_over)
        if not interrupted and started.popen.poll() is None:
            ending.wait_written()
        if not why and found.profile == "demo":
            session.end(paths, found)
        reported = _report(report.show, paths)
        for row in ending.owed:
            sys.stderr.write(f"{owing(row)}\n")
    finally:
        ending.close()
    if why:
        sys.stderr.write(f"{why}\n")
        return INTERRUPTED if interrupted else HALTED if halt.look(paths) else FAILED
    return HALTED if ending.was_halted or halt.look(paths) else reported


def _report(show: Callable[[Paths], None], paths: Paths) -> int:
    """The report; a session that was cut short may have nothing to report on, which is told and is no second failure."""
    try:
        show(paths)
    except SystemExit:  # how a verb leaves
        return FAILED
    return 0


def _why_not(started: lifecycle.RunningSession, ending: Completion, interrupted: list[str]) -> str:
    if interrupted:
        return f"stopped by {interrupted[0]}"
    if started.popen.poll() is not None:
        return "the bot was stopped from elsewhere"
    if ending.is_stuck():
        return "the world stands still: the session did not come to its end"
    return ""


def up(
    profile: Profile = None,
    windows: Windows = None,
    speed: Speed = None,
    seed: Seed = None,
    tape: Tape = None,
    scenario: Scenario = None,
    strategy: Strategy = None,
    capital: Capital = None,
    preset: Preset = None,
    confirm_live: Confirm = None,
) -> None:
    """Start as `run` does, detached: go on with the session that stands, or begin one."""
    use_preset(preset)
    flags = _flags(profile, windows, speed, seed, tape, scenario, strategy, capital)
    settings, paths = settings_or_leave(flags), Paths.of()
    began, began_ns = time.monotonic(), time.time_ns()
    try:
        preflight.check(paths, settings)
        wallet = live_conditions.through(settings, flags, confirm_live)
        found = lifecycle.continued_session(paths, settings, windows_given=windows is not None)
        live_notice.tell(paths, settings, found, wallet)
        started = lifecycle.start(paths, settings, found, flags, attached=False)
    except (StartRefused, ConfigError) as exc:
        if isinstance(exc, StartRefused) and exc.code == preflight.ALREADY_RUNNING:
            _start_again(paths)
        leave(exc.code if isinstance(exc, StartRefused) else 78, str(exc))
    try:
        lifecycle.wait_ready(started, [])
    except (StartRefused, KeyboardInterrupt) as exc:
        lifecycle.stop(paths, started.popen)
        leave(exc.code if isinstance(exc, StartRefused) else INTERRUPTED, str(exc))
    if found.ended:
        sys.stderr.write(f"session {found.id} is over and only shown: polybot-ctl run begins another one\n")
    elif found.started_ns < began_ns:
        _tell_what_waits(found, settings, flags)
    names = len(needed(settings))
    sys.stdout.write(f"{names} programs up in {time.monotonic() - began:.1f} s, session {found.id}, {paths.state}\n")
    _tell_halt(paths)


def _start_again(paths: Paths) -> None:
    """A house that runs, but not with everyone: start who is missing, and leave. Returns when nobody is."""
    from polybot.cli.session import restart

    again = restart.start_again(paths)
    if again.missing:
        leave(FAILED, f"{', '.join(again.missing)} does not come up again; see polybot-ctl logs {again.missing[0]}")
    if again.started:
        sys.stdout.write(f"started again: {', '.join(again.started)}; the others were running\n")
        _tell_halt(paths)
        raise typer.Exit(0)


def _tell_halt(paths: Paths) -> None:
    standing = halt.look(paths)
    if standing is not None:
        by = standing.by or "an unreadable file"
        sys.stderr.write(f"halted by {by}: {standing.reason}; nothing is traded until: polybot-ctl resume\n")


def _tell_what_waits(found: session.Session, settings: Settings, flags: dict[str, str]) -> None:
    """A session keeps its windows and its world; a flag that says otherwise is for the next one."""
    stands = {
        "world.windows": found.windows,
        "world.seed": found.seed,
        "world.tape": found.tape,
        "world.scenario": found.scenario,
    }
    wanted = {
        "world.windows": settings.world.windows,
        "world.seed": settings.world.seed,
        "world.tape": settings.world.tape,
        "world.scenario": settings.world.scenario,
    }
    for knob in stands:
        if knob in flags and wanted[knob] != stands[knob]:
            name = knob.rpartition(".")[2]
            sys.stderr.write(
                f"session {found.id} goes on with {name} {stands[knob] or 'none'}: --{name} {wanted[knob]} is for the "
                "next session, which begins once this one is over\n"
            )


def down() -> None:
    """Stop everything: the actors, then the executor with its last cancels, then the venue."""
    paths = Paths.of()
    runs = lifecycle.running(paths)
    try:
        supervisord.Supervisor.of(paths).pid()
    except supervisord.Unreachable:
        if not runs:
            lifecycle.sweep(paths) if paths.run.is_dir() else None
            leave(NOT_RUNNING, f"nothing runs in {paths.state}")
    began = time.monotonic()
    killed = lifecycle.stop(paths)
    sys.stdout.write(f"all down in {time.monotonic() - began:.1f} s\n")
    if killed:
        leave(FAILED, f"had to be killed: {', '.join(killed)}")


def _flags(
    profile: str | None,
    windows: int | None,
    speed: float | None,
    seed: int | None,
    tape: str | None,
    scenario: str | None,
    strategy: list[str] | None,
    capital: float | None,
) -> dict[str, str]:
    return flags_of(
        bot__profile=profile,
        world__windows=windows,
        world__speed=speed,
        world__seed=seed,
        world__tape=os.path.abspath(os.path.expanduser(tape)) if tape else None,
        world__scenario=scenario,
        bot__strategies=[_absolute(spec) for spec in strategy or []],
        bot__capital_usd=capital,
    )


def _absolute(spec: str) -> str:
    """path.py:Name as every program will find it."""
    path, colon, name = spec.rpartition(":")
    return f"{os.path.abspath(os.path.expanduser(path))}:{name}" if colon else spec


def register(app: typer.Typer) -> None:
    """Add `run`, `up` and `down` to the command line."""
    app.command()(run)
    app.command()(up)
    app.command()(down)
