"""Debian's server as installed: exactly the findings that it deserves."""

from __future__ import annotations

from tests.posture_tree import CONF, CONFIG

from .conftest import found, line_of, one, troubles

DESERVED = {
    ("SEC-02", "fail", "medium", CONF),
    ("POL-02", "fail", "medium", f"ArchiveDest in {CONFIG}"),
    ("SSH-01", "warn", "critical", f"TarClientRestoreCmd in {CONFIG}"),
    ("SSH-04", "unknown", "high", "hosts"),
    ("SSH-08", "fail", "low", "backuppc"),
    ("SYS-01", "fail", "low", "backuppc.service"),
}
SECTIONS = ("CFG", "SEC", "INS", "POL", "SHR", "SSH", "SYS")


def test_finds_what_stock_deserves_and_nothing_else(stock):
    own = {each for each in troubles(stock) if each[0].startswith(SECTIONS)}
    if not stock.owned:  # there the web server's group is the pool's too
        own = {each for each in own if each[:2] != ("POL-02", "warn")}
    assert own == DESERVED


def test_names_the_line_of_a_setting(stock):
    finding = one(stock, "SSH-01")
    assert finding.line == line_of(stock, "$Conf{TarClientRestoreCmd}")


def test_says_what_is_decided_at_start_only(stock):
    assert "ServerHost, ParPath, SshPath" in one(stock, "CFG-01").evidence


def test_names_the_folder_that_closes_the_pool(stock):
    assert one(stock, "POL-01").evidence == "closed by /var/lib/backuppc 0750"


def test_decides_all_checks_that_need_no_client(stock):
    unknown = {each.id for each in found(stock) if each.id.startswith(SECTIONS)
               and each.state.value == "unknown"}
    assert unknown == {"SSH-04"}
