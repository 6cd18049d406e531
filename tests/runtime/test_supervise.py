"""supervisor.conf equals the table, and supervisord itself reads it as meant."""

import configparser
import re
from pathlib import Path

import pytest
from supervisor.options import ServerOptions
from typer.testing import CliRunner

from polybot.cli.app import composed
from polybot.runtime.base.paths import ROOT, Paths
from polybot.runtime.safety import halt
from polybot.runtime.supervision import supervisord
from polybot.settings import Bot, Settings
from polybot.topology import BY_NAME, TABLE, needed


def parsed(path: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";",))
    parser.read(path)
    return parser


def test_the_checked_in_file_equals_the_table() -> None:
    assert (ROOT / "supervisor.conf").read_text() == supervisord.render_default(), (
        "render it anew: bin/polybot config supervisor > supervisor.conf"
    )


def test_the_command_its_head_names_prints_it_and_writes_nothing(tmp_path: Path) -> None:
    head = (ROOT / "supervisor.conf").read_text().splitlines()[0]
    command = re.findall(r"`bin/polybot (.*) > supervisor\.conf`", head)[0]
    done = CliRunner().invoke(composed(), command.split(), env={"POLYBOT_STATE": str(tmp_path / "state")})
    assert (done.exit_code, done.output) == (0, supervisord.render_default())
    assert not (tmp_path / "state").exists()


def test_every_actor_is_a_program_with_the_rules_proven_by_trial() -> None:
    conf = parsed(ROOT / "supervisor.conf")
    for actor in TABLE:
        section = f"{'eventlistener' if actor.group == 'watch' else 'program'}:{actor.name}"
        rules = dict(conf[section])
        assert rules["command"] == f"%(here)s/bin/polybot actor {actor.name}"
        assert (rules["startsecs"], rules["autorestart"], rules["exitcodes"]) == ("0", "unexpected", "0,75,77,78")
        assert (rules["stopwaitsecs"], rules["stopasgroup"]) == ("3", "true")
    assert "inet_http_server" not in conf
    assert conf["unix_http_server"]["chmod"] == "0700"
    assert "%(ENV_" not in (ROOT / "supervisor.conf").read_text(), "an unset variable would be fatal"


@pytest.mark.parametrize("profile", ["demo", "paper", "live"])
def test_supervisord_stops_the_edge_then_the_executor_then_the_venue_then_the_watchdog(
    tmp_path: Path, profile: str
) -> None:
    settings = Settings(bot=Bot(profile=profile))
    paths = Paths(tmp_path / "a blank" / "state")
    halt.prepare(paths)
    options = ServerOptions()
    options.realize(["-c", str(supervisord.render_for(paths, settings))])
    groups = sorted(options.process_group_configs)
    order = [sorted(p.name for p in g.process_configs) for g in reversed(groups)]
    edge = sorted(a.name for a in needed(settings) if a.group == "edge")
    venue = [] if profile == "live" else [["venue"]]
    assert order == [edge, ["executor"], *venue, ["watchdog"]]
    if paths.sockets != paths.run:
        paths.sockets.rmdir()


def test_the_notifier_runs_only_where_there_is_something_to_run(tmp_path: Path) -> None:
    assert BY_NAME["notifier"] not in needed(Settings())
    settings = Settings(bot=Bot(notify_cmd="tell"))
    assert BY_NAME["notifier"] in needed(settings)
    paths = Paths(tmp_path)
    paths.run.mkdir()
    assert "program:notifier" in parsed(supervisord.render_for(paths, settings))


def test_nobody_there_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(supervisord.Unreachable):
        supervisord.Supervisor(str(tmp_path / "none.sock")).processes()
