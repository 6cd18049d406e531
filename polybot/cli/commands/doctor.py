"""`doctor`: may this bot be trusted with this wallet, on this machine, now? Each check passed, failed or unknown, and its mend.

It only reads. Beside the executor it is the one program that opens the key's file, and it ends when it has looked. The key's
own text, the credentials and the signatures stand in no line it prints.
"""

import sys
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from polybot.adapters.polymarket import chain
from polybot.adapters.polymarket import checks as checkup
from polybot.adapters.polymarket.clob import Clob
from polybot.adapters.polymarket.clob_public import ClobPublic
from polybot.adapters.polymarket.data_api import DataApi
from polybot.adapters.polymarket.gamma import Gamma
from polybot.adapters.polymarket.signing import Wallet
from polybot.cli.support.common import say_json
from polybot.core.checks import Check, exit_code, failed, passed, unknown
from polybot.core.market_feed.oracle import ORACLE_SYMBOL
from polybot.core.sizing.stake import first_worst_e6
from polybot.runtime.base.clock import Clock, FollowedClock
from polybot.runtime.base.paths import Paths, UnsafeMode
from polybot.runtime.config import config, endpoints
from polybot.runtime.loop import context
from polybot.runtime.safety.wallet import key_path, relayer_file, relayer_key
from polybot.runtime.store.index_read import IndexReader
from polybot.runtime.store.index_version import IndexUnusable
from polybot.runtime.supervision import machine_checks, session
from polybot.settings import Settings

NO_VENUE = "the local venue of this profile does not run"
START_IT = "start the bot, or look again in live: POLYBOT_PROFILE=live polybot-ctl doctor"
PUBLIC = ("geoblock", "clock", "market rule", "oracle")
PRIVATE = ("credentials", "balance", "allowance pUSD", "allowance shares", "foreign orders", "foreign positions")


@dataclass
class Report:
    """What was found. address: the wallet with the money, "" when it is not known; stand_in: the venue rehearsed with."""

    profile: str
    address: str = ""
    stand_in: str = ""
    checks: list[Check] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """The report as a JSON object, for programs."""
        shown = [asdict(check) for check in self.checks]
        return {"profile": self.profile, "address": self.address, "stand_in": self.stand_in, "checks": shown}


def examine(paths: Paths, confirm: str | None = None) -> Report:
    """Every check. confirm: the last six hex digits that the wallet must have; when it has others, no one is called."""
    try:
        settings = config.load().settings
        urls = endpoints.now(paths, settings)
        clock = _clock(paths, settings)
    except config.ConfigError as exc:
        check = failed("config", str(exc), "edit it; polybot-ctl config check looks again")
        return Report("unknown", checks=[check])
    report = Report(settings.bot.profile, stand_in=endpoints.stand_in() and urls.get("clob", ""))
    report.checks = [
        passed("config", f"profile {settings.bot.profile}"),
        *machine_checks.of_the_machine(paths, settings),
    ]
    wallet = _wallet(paths, settings, report)
    if confirm is not None and not _is_confirmed(report, confirm):
        return report
    if not urls or clock is None:
        report.checks += [unknown(name, NO_VENUE, START_IT) for name in (*PUBLIC, *PRIVATE)]
        return report
    where = checkup.geoblock(urls["geoblock"])
    report.checks.append(where)
    if where.status == "failed" or (confirm is not None and where.stops_live):
        why = "not asked: whether one may trade from here comes first"
        report.checks += [unknown(name, why, "see `geoblock`") for name in (*PUBLIC[1:], *PRIVATE)]
        return report
    _ask_around(report, settings, urls, clock, wallet, paths)
    return report


def _clock(paths: Paths, settings: Settings) -> Clock | None:
    """The world's time without joining it; None where the demo's stands still."""
    if settings.bot.profile != "demo":
        return context.outside_clock(settings.bot.profile)
    try:
        return FollowedClock.follow(paths.run / "clock.bin")
    except OSError:
        return None


def _wallet(paths: Paths, settings: Settings, report: Report) -> Wallet | None:
    """The key's file, the address it gives, and who holds the money."""
    check, text = machine_checks.key_file(paths, settings)
    report.checks.append(check)
    if not text:
        report.checks.append(unknown("address", "not derived: the key was not read", "see `key file`"))
        return None
    try:
        wallet = Wallet(text)
    except ValueError as exc:
        report.checks.append(failed("address", str(exc), f"put the wallet's key into {key_path(paths, settings)}"))
        return None
    report.checks.append(_address(settings, wallet, report))
    if settings.bot.profile == "live":
        report.checks.append(_redemption(settings))
    report.checks.append(machine_checks.wallet_lock(paths, report.address or wallet.address))
    return wallet


def _address(settings: Settings, wallet: Wallet, report: Report) -> Check:
    kind, funder = settings.live.signature_type, settings.live.funder
    if settings.bot.profile != "live":
        kind, funder = 0, ""
    if kind == 0 and funder and funder.lower() != wallet.address.lower():
        mend = "set live.signature_type to 1, 2 or 3, or leave live.funder empty"
        return failed("address", f"signature type 0 is paid by {wallet.address} itself, live.funder = {funder}", mend)
    report.address = funder or wallet.address
    signs = f", which {wallet.address} signs for (type {kind})" if kind else ""
    return passed("address", f"{report.address}{signs}")


def _redemption(settings: Settings) -> Check:
    """What the executor redeems with: a key of the relayer, or the package that builds a transaction of our own."""
    name, kind = "redemption", settings.live.signature_type
    if kind == 0:
        if endpoints.stand_in():
            return passed(name, "the local venue's relayer redeems for type 0, too")
        why, _, mend = chain.missing().partition(": ")
        return failed(name, why, mend) if why else passed(name, "by transactions of our own")
    file = relayer_file(settings)
    try:
        told = relayer_key(settings)
    except (UnsafeMode, ValueError) as exc:
        return failed(name, str(exc).partition(": chmod")[0], f"chmod 600 {file}, and its form as docs/live.md says")
    if not told:
        mend = (
            'make a relayer key in the account\'s settings and put it there as {"key": "…", "address": "…"}, mode 0600'
        )
        return failed(name, f"{file} does not exist: the relayer redeems for type {kind}, and wants a key", mend)
    return passed(name, f"by the relayer, with the key in {file}")


def _is_confirmed(report: Report, confirm: str) -> bool:
    """Adds the check `confirmation`; True when everything so far lets the world be asked."""
    digits = confirm.lower().removeprefix("0x")
    if not report.address:
        report.checks.append(unknown("confirmation", "no address to compare with", "see `address`"))
    elif report.address[-6:].lower() != digits:
        seen = f"--confirm-live {confirm} are not the last six hex digits of {report.address}"
        report.checks.append(failed("confirmation", seen, "is this the wallet you mean? Then give its last six digits"))
    else:
        report.checks.append(passed("confirmation", f"…{digits} is {report.address}"))
    return not any(check.stops_live for check in report.checks)


def _ask_around(
    report: Report, settings: Settings, urls: dict[str, str], clock: Clock, wallet: Wallet | None, paths: Paths
) -> None:
    """What anybody may ask, then what only the wallet may."""
    public = ClobPublic(urls["clob"], checkup.READ_S)
    report.checks.append(checkup.clock_offset(public.time, clock.now_ns, clock.speed))
    rule, token = checkup.market_rule(Gamma(urls["gamma"], checkup.READ_S), public, clock.now_ns())
    report.checks.append(rule)
    report.checks.append(checkup.oracle(urls["rtds"], ORACLE_SYMBOL, clock.now_ns, clock.speed))
    if wallet is None or not report.address:
        report.checks += [unknown(name, "not asked: the wallet is not known", "see `address`") for name in PRIVATE]
        return
    kind = settings.live.signature_type if settings.bot.profile == "live" else 0
    funder = report.address if kind else ""
    clob = Clob(
        urls["clob"],
        wallet,
        lambda: clock.now_ns() // 10**9,
        signature_type=kind,
        funder=funder,
        timeout_s=checkup.READ_S,
    )
    data = DataApi(urls["data"], report.address, checkup.READ_S)
    need_e6 = max(first_worst_e6(settings, name) for name in settings.bot.strategy_names)
    account = checkup.WalletChecks(clob, data, kind, need_e6, token, _ours(paths))
    report.checks += account.checks()
    if settings.bot.profile == "live" and not report.stand_in:  # play money lies on no chain
        report.checks.append(checkup.redeemer(report.address, endpoints.POLYGON))
        if kind == 0:
            report.checks.append(checkup.gas(report.address, endpoints.POLYGON))


def _ours(paths: Paths) -> checkup.Ours:
    """What the books of this folder know; nothing where there are none yet."""
    if session.read(paths) is None:
        return checkup.Ours()
    try:
        index = IndexReader(paths.index)
    except IndexUnusable:
        return checkup.Ours()
    rows = index.orders()
    index.close()
    return checkup.Ours({str(r["order_id"]).lower() for r in rows}, {str(r["token_id"]) for r in rows})


# --- for people


def show(report: Report) -> None:
    """One line a check; under what is not passed, its mend."""
    console = Console(soft_wrap=True, highlight=False)
    if report.stand_in:
        console.print(f"REHEARSAL: {report.stand_in} stands in for the public hosts", markup=False)
    width = max(len(check.name) for check in report.checks)
    style = {"passed": "green", "failed": "bold red", "unknown": "yellow"}
    for check in report.checks:
        line = Text.assemble((f"{check.status:<8}", style[check.status]), f"{check.name:<{width}}  {check.seen}")
        console.print(line)
        if check.mend:
            console.print(f"{'':<8}{'':<{width}}  → {check.mend}", markup=False)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    confirm: Annotated[
        str | None,
        typer.Option(help="The last six hex digits of the wallet's address: other digits, and nobody is called."),
    ] = None,
) -> None:
    """Check key, wallet, venue and machine; reads only. Exit code 0 all passed, 1 something failed, 3 something is unknown."""
    report = examine(Paths.of(), confirm)
    if as_json:
        say_json(report.facts())
    else:
        show(report)
        sys.stdout.flush()
    raise typer.Exit(exit_code(report.checks))


def register(app: typer.Typer) -> None:
    """Add `doctor` to the command line."""
    app.command()(doctor)
