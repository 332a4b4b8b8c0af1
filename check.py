"""`python main.py --check`: tries everything that the bot will need and says what to do.

One line for each thing. It changes nothing, and no secret is printed.
"""

import logging
import socket

import telegram_api
import texts
import trueconf_api
from settings import Settings
from texts import popup
from trueconf_api import Server, TrueConfError

CLOCK_LIMIT_S = 120


class _Report:
    """Prints the lines and remembers whether all is well."""

    def __init__(self) -> None:
        self.is_well = True

    def ok(self, key: str, **values: object) -> None:
        print(f"[OK] {popup(key, **values)}", flush=True)

    def bad(self, key: str, **values: object) -> None:
        self.is_well = False
        print(f"[!!] {popup(key, **values)}", flush=True)

    def failed(self, error: TrueConfError) -> None:
        self.is_well = False
        print(f"[!!] {texts.plain(texts.error_sentence(error))}", flush=True)


def run(bot, settings: Settings) -> bool:
    """Check the settings, Telegram and each server. Returns whether all is well."""
    logging.disable()  # what fails is said here
    report = _Report()
    report.ok("check_settings", source=settings.source.name)
    for warning in settings.warnings:
        print(f"[??] {texts.problem(warning)}")
    if settings.log_file and not settings.log_file.parent.is_dir():
        report.bad("check_log_file", folder=settings.log_file.parent)
    _check_telegram(report, bot, settings)
    for server in settings.servers.values():
        print(f"\n{texts.cut(server.name, texts.LONGEST_NAME)} ({server.url})")
        _check_server(report, server)
    print()
    if report.is_well:
        report.ok("check_all_well", python=texts.python())
    else:
        report.bad("check_not_well")
    return report.is_well


def _check_telegram(report: _Report, bot, settings: Settings) -> None:
    telegram_api.connect(bot, settings.token, settings.api_url, settings.proxy)
    proxy = telegram_api.proxy_in_use()
    if proxy:
        report.ok("check_proxy", host=proxy.rpartition("@")[2].rpartition("//")[2])
    try:
        name, refusals = telegram_api.check(bot, settings.users)
    except telegram_api.TokenRefused:
        report.bad("token_refused")
        return
    except telegram_api.FAILURES as error:
        key = "check_telegram_by_proxy" if proxy else "check_telegram_silent"
        report.bad(key, reason=texts.reason_words(trueconf_api.reason_of(error)))
        return
    report.ok("check_telegram", name=name)
    for user, refusal in refusals.items():
        key = "check_group" if user < 0 else "check_user"
        if refusal:
            report.bad(f"{key}_silent", id=user, name=name)
        else:
            report.ok(key, id=user)


def _check_server(report: _Report, server: Server) -> None:
    if not _resolves(report, server):
        return
    _check_service(report, server)
    if _check_web(report, server) and _check_login(report, server):
        for permission, error in trueconf_api.try_permissions(server).items():
            if error is None:
                report.ok("check_permission", permission=permission)
            else:
                report.failed(error)


def _resolves(report: _Report, server: Server) -> bool:
    host = server.host.strip("[]")
    try:
        address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0]
    except OSError:
        report.bad("check_name_not_found", host=host)
        return False
    if address != host:
        report.ok("check_name", host=host, address=address)
    return True


def _check_service(report: _Report, server: Server) -> None:
    if not server.status_port:
        return
    status = trueconf_api.get_status(server)
    if status.reason:
        reason = texts.reason_words(status.reason)
        report.bad("check_service_silent", port=server.status_port, reason=reason)
    else:
        report.ok("check_service", port=server.status_port)


def _check_web(report: _Report, server: Server) -> bool:
    try:
        skew_s = trueconf_api.probe_web(server)
    except TrueConfError as error:
        is_certificate = error.reason.startswith("certificate_") or error.reason == "ca_file"
        key = f"check_{error.reason}" if is_certificate else "check_web_silent"
        report.bad(key, url=server.url, reason=texts.reason_of(error))
        return False
    key = "check_web" if server.verify else "check_web_unchecked"
    if server.url.startswith("http://"):
        key = "check_web_plain"
    report.ok(key, url=server.url)
    if skew_s is not None and abs(skew_s) > CLOCK_LIMIT_S:
        report.bad("check_clock", difference=texts.duration(abs(skew_s)))
    elif skew_s is not None:
        report.ok("check_clock_right")
    return True


def _check_login(report: _Report, server: Server) -> bool:
    try:
        trueconf_api.renew_access_token(server)
    except TrueConfError as error:
        report.failed(error)
        return False
    report.ok("check_login")
    return True
