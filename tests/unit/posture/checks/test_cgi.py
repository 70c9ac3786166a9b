"""Faults of the CGI interface, one at a time on a sound server, and what mends them."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.posture.checks import BY_ID
from bpc_ssh_guard.posture.finding import Auto, State
from bpc_ssh_guard.posture.repair import ConfigRepair, ModeRepair
from tests.posture_tree import APACHE, CGI, CONF, SHARED

from .conftest import found, line_of, one, troubles

EDIT = "$Conf{CgiUserConfigEditEnable} = 1;"
HASH = "x:$apr1$abcdefgh$abcdefghijklmnopqrstuv"
# Whether the page demands its login, only the page itself can tell.
UNASKED = ("CGI-03", "unknown", "critical", APACHE)


def _set_id(tree, mode=0o4750, owner=SHARED):
    tree.chown(CGI, *owner)
    tree.chmod(CGI, mode)
    tree.write("/var/lib/dpkg/statoverride", f"backuppc www-data 4750 {CGI}\n")


def _open_to_all(tree):
    _set_id(tree, 0o4755)


def _owner_of_one_host(tree):
    tree.add_host("pc1", EDIT, "$Conf{CgiUserConfigEdit}{RsyncArgs} = 1;",
                  "$Conf{XferMethod} = 'tar';", "$Conf{TarClientCmd} = '/bin/tar';",
                  "$Conf{TarClientRestoreCmd} = '/bin/tar';")


CLOSED = "$Conf{CgiUserConfigEdit} = {RsyncArgs => 0, DumpPreUserCmd => 0, FullPeriod => 1};"

FAULTS = {
    "executable by everybody": (
        _open_to_all, {("CGI-01", "fail", "critical", CGI), ("CGI-02", "warn", "medium", CGI)}),
    "writable by its group": (
        lambda tree: tree.chmod(CGI, 0o770), {("CGI-01", "fail", "critical", CGI)}),
    "set-id": (_set_id, {("CGI-02", "warn", "medium", CGI)}),
    "set-id beside php": (
        lambda tree: (_set_id(tree), tree.write("/etc/apache2/mods-enabled/php8.2.load", "x\n")),
        {("CGI-02", "fail", "medium", CGI)}),
    "no login": (
        lambda tree: tree.replace(APACHE, "Require valid-user", ""),
        {("CGI-03", "warn", "critical", APACHE)}),
    "everybody an administrator": (
        lambda tree: tree.configure("$Conf{CgiAdminUsers} = '*';"),
        {("CGI-04", "fail", "high", "CgiAdminUsers")}),
    "backuppc among the administrators": (
        lambda tree: tree.configure("$Conf{CgiAdminUsers} = 'bpcadmin backuppc';"),
        {("CGI-04", "fail", "high", "CgiAdminUsers")}),
    "owners may edit commands": (
        lambda tree: tree.configure(EDIT, CLOSED.replace("UserCmd => 0", "UserCmd => 1")),
        {("CGI-05", "fail", "critical", "CgiUserConfigEdit")}),
    "an owner may in one host's file": (
        lambda tree: (tree.configure(CLOSED), _owner_of_one_host(tree)),
        {("CGI-05", "fail", "critical", "CgiUserConfigEdit of pc1")}),
    "owners say where archives go": (
        lambda tree: tree.configure(EDIT, "$Conf{CgiUserConfigEdit} = {ArchiveDest => 1};"),
        {("CGI-05", "warn", "critical", "ArchiveDest")}),
    "a loose name": (
        lambda tree: tree.configure("$Conf{CgiAdminUsers} = 'bpcadmin site-admin';"),
        {("CGI-06", "fail", "high", "site-admin in CgiAdminUsers")}),
    "a loose name in the group": (
        lambda tree: (tree.append("/etc/group", "bpcadmins:x:4711:site-admin"),
                      tree.configure("$Conf{CgiAdminUserGroup} = 'bpcadmins';")),
        {("CGI-06", "fail", "high", "site-admin in group bpcadmins")}),
    "an SCGI server": (
        lambda tree: tree.configure("$Conf{SCGIServerPort} = 10268;"),
        {("CGI-07", "fail", "high", "SCGIServerPort")}),
    "neither TLS nor local": (
        lambda tree: (tree.replace(APACHE, "SSLRequireSSL", ""),
                      tree.replace(APACHE, "Require local", "")),
        {("CGI-08", "fail", "medium", APACHE)}),
    "an old hash": (
        lambda tree: tree.append(f"{CONF}/htpasswd", HASH),
        {("CGI-08", "warn", "medium", f"{CONF}/htpasswd")}),
}
RIGHT = {
    "Debian closes ClientNameAlias itself": (
        lambda tree: tree.configure(EDIT, "$Conf{CgiUserConfigEdit} = {ClientNameAlias => 1};")),
    "a name that holds the account's": (
        lambda tree: tree.configure("$Conf{CgiAdminUsers} = 'backuppc2 bpcadmin';")),
    "what owners may edit does nothing": lambda tree: tree.configure(EDIT, CLOSED),
    "only from this machine": lambda tree: tree.replace(APACHE, "SSLRequireSSL", ""),
    "no SCGI server": lambda tree: tree.configure("$Conf{SCGIServerPort} = '-1';"),
}


@pytest.fixture(scope="session")
def before(sound_tree):
    return troubles(sound_tree)


@pytest.mark.parametrize("name", FAULTS)
def test_finds_the_fault_and_nothing_else_turns_red(sound, before, name):
    plant, expected = FAULTS[name]
    plant(sound)
    now = troubles(sound)
    assert now - before == expected
    assert before - now <= {UNASKED}


@pytest.mark.parametrize("name", RIGHT)
def test_is_content_with(sound, before, name):
    RIGHT[name](sound)
    assert troubles(sound) == before


def test_a_sound_page_leaves_only_the_question_for_the_page_itself(sound):
    assert {each for each in troubles(sound) if each[0].startswith("CGI")} == {UNASKED}


def test_stock_debian_lets_owners_run_programs_and_names_its_line(stock):
    finding = next(each for each in found(stock, "CGI-05") if each.state == State.FAIL)
    assert finding.line == line_of(stock, "$Conf{CgiUserConfigEdit} = {")
    assert "RsyncSshArgs" in finding.evidence
    assert "ClientNameAlias" not in finding.evidence


def test_where_no_cgi_is_installed_nothing_of_it_applies(sound):
    sound.remove(CGI)
    sound.remove("/usr/share/backuppc/cgi-bin/index.cgi")
    states = {each.id: each.state for each in found(sound, "CGI-01", "CGI-02", "CGI-03", "CGI-08")}
    assert set(states.values()) == {State.NOT_APPLICABLE}


def test_the_file_of_another_web_server_is_unknown_never_right(sound):
    sound.remove("/etc/apache2/conf-enabled/backuppc.conf")
    assert {one(sound, each).state for each in ("CGI-03", "CGI-08")} == {State.UNKNOWN}


def test_no_hash_is_ever_told(sound):
    sound.append(f"{CONF}/htpasswd", HASH)
    assert HASH.split("$")[-1] not in repr(found(sound))


def proposed(tree, check):
    site = tree.site()
    return [repair for finding in found(tree, check)
            for repair in BY_ID[check]().repairs(site, finding)]


def test_takes_the_bits_of_others_and_leaves_the_set_id(sound):
    _set_id(sound, 0o4755)
    assert proposed(sound, "CGI-01") == [ModeRepair(CGI, 0o4750)]


@pytest.mark.lab
def test_a_set_id_program_of_another_account_is_for_a_person(sound):
    if not sound.owned:
        sound.replace("/etc/passwd", "backuppc:x:", "someone:x:")
        sound.add_account("backuppc", 64_000, 64_000)
    else:
        _set_id(sound, 0o4755, ("nobody", "nogroup"))
    finding = one(sound, "CGI-01")
    assert (finding.state, finding.auto) == (State.FAIL, Auto.MANUAL)


def test_closes_the_keys_in_the_file_that_opens_them(sound):
    sound.configure(CLOSED)
    _owner_of_one_host(sound)
    assert proposed(sound, "CGI-05") == [
        ConfigRepair("pc1", ("CgiUserConfigEdit", "RsyncArgs"), "0")]


def test_takes_only_the_accounts_name_out_and_never_the_last_administrator(sound):
    sound.configure("$Conf{CgiAdminUsers} = 'bpcadmin backuppc';")
    assert proposed(sound, "CGI-04") == [ConfigRepair(None, ("CgiAdminUsers",), "bpcadmin")]
    sound.configure("$Conf{CgiAdminUsers} = 'backuppc';")
    assert proposed(sound, "CGI-04") == []
    assert one(sound, "CGI-04").auto == Auto.MANUAL


def test_closes_the_scgi_server(sound):
    sound.configure("$Conf{SCGIServerPort} = 10268;")
    assert proposed(sound, "CGI-07") == [ConfigRepair(None, ("SCGIServerPort",), "-1")]
