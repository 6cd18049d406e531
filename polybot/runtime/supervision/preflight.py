"""What must hold before anything starts: clear sentences and an exit code, nothing touched on refusal."""

from pathlib import Path

from polybot.core.strategies import BUILT_IN
from polybot.runtime.base.paths import ROOT, Paths, UnsafeMode
from polybot.runtime.config import endpoints
from polybot.runtime.config.errors import ConfigError
from polybot.runtime.safety import halt, locks
from polybot.runtime.supervision import reachability, session, supervisord
from polybot.settings import Settings
from polybot.topology import TABLE

# Refused  carries the exit code: 5 halted, 69 a prerequisite is missing, 75 already running, 77 unsafe, 78 config

ALREADY_RUNNING = 75


class StartRefused(Exception):
    """Nothing was started: the sentence says why, `code` is the exit code."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def check(paths: Paths, settings: Settings) -> None:
    """Everything that can be known without starting anything. Raises Refused."""
    check_not_running(paths)
    if "%" in f"{paths.state}{ROOT}":
        raise StartRefused(78, f"supervisord cannot write logs below a folder with a % in its name: {paths.state}")
    try:
        halt.prepare(paths)
        found = session.read(paths)
        if found is not None and found.profile != settings.bot.profile:
            raise StartRefused(78, session.other_profile(paths, found, settings.bot.profile))
        if found is not None and (why := endpoints.other_venue(found.id, found.stand_in, found.profile)):
            raise StartRefused(78, why)
        if settings.bot.profile == "demo" and settings.world.tape:
            session.tape_span(Path(settings.world.tape).expanduser())
        _check_strategies(settings)
        if settings.bot.profile == "paper":
            check_reachable()
    except ConfigError as exc:
        raise StartRefused(78, str(exc)) from exc
    except UnsafeMode as exc:
        raise StartRefused(77, str(exc)) from exc
    except OSError as exc:
        raise StartRefused(1, f"{exc.filename or paths.state}: {exc.strerror}") from exc


def check_reachable() -> None:
    """Paper follows the real venue: without it there is nothing to follow. Raises Refused 69, ConfigError."""
    problems = reachability.problems({name: url for name, url in endpoints.public().items() if name in endpoints.PAPER})
    if problems:
        raise StartRefused(
            69,
            f"paper follows the real books and needs the internet: {'; '.join(problems)}. Check this machine's connection, "
            'proxy and firewall and start again; the demo (profile = "demo") needs no internet',
        )


def check_not_running(paths: Paths) -> None:
    """Raises Refused 75 naming who holds a lock."""
    for actor in TABLE:
        found = locks.holder(paths, actor.name)
        if found is not None:
            raise StartRefused(
                ALREADY_RUNNING,
                f"already running: {paths.lock(actor.name)} is held by process {found.pid} ({found.name}); see status",
            )
    try:
        pid = supervisord.Supervisor.of(paths, 1.0).pid()
    except supervisord.Unreachable:
        return
    raise StartRefused(ALREADY_RUNNING, f"already running: supervisord {pid} answers for {paths.state}")


def check_not_halted(paths: Paths) -> None:
    """`run` never starts over a halt by hand or one that cannot be read. Raises Refused 5 with the line that lifts it."""
    standing = halt.look(paths)
    if standing is None:
        return
    override = "" if standing.is_manual else " --override"
    when = f" since {standing.at}" if standing.at else ""
    raise StartRefused(
        5,
        f"halted by {standing.by or 'what cannot be read'}{when}: {standing.reason}\n"
        f'lift it with: polybot-ctl resume --reason "…"{override}',
    )


def _check_strategies(settings: Settings) -> None:
    """Plug-ins that are named must be there and sound; ours have been looked up with the knobs already."""
    if all(spec in BUILT_IN for spec in settings.bot.strategies):
        return
    from polybot.core.strategies.protocol import StrategyError
    from polybot.core.strategies.registry import by_name
    from polybot.runtime.config import plugin_paths, plugins

    problems = plugins.load(settings.bot.strategies)
    for spec, name in zip(settings.bot.strategies, settings.bot.strategy_names, strict=True):
        try:
            by_name(name)
        except StrategyError as exc:
            path, _ = plugin_paths.file_of(spec)
            about = [problem for problem in problems if name in problem or (path and str(path) in problem)]
            raise StartRefused(78, "; ".join(about) or str(exc)) from exc
