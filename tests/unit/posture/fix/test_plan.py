"""The findings of an audit become steps, told first, then done, then taken back."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import replace
from pathlib import Path

from bpc_ssh_guard.posture.audit import run
from bpc_ssh_guard.posture.check import Check
from bpc_ssh_guard.posture.checks import BY_ID
from bpc_ssh_guard.posture.finding import Auto, State
from bpc_ssh_guard.posture.fix import plan
from bpc_ssh_guard.posture.fix.journal import Journal
from bpc_ssh_guard.posture.repair import ConfigRepair, ModeRepair
from tests.posture_tree import CONF, CONFIG

CHECKS = ("SEC-01", "SEC-02")


def planned(tree):
    site = tree.site()
    audit = run(site, [BY_ID[each] for each in CHECKS])
    return plan.plan(site, BY_ID, audit.findings)


def applied(tree):
    site = tree.site()
    journal = Journal(site.disk)
    with contextlib.closing(journal):
        return list(plan.apply(site, planned(tree), journal)), journal.path


def snapshot(tree):
    found = {}
    for folder, _, names in os.walk(tree.path(CONF)):
        for name in (".", *names):
            path = os.path.join(folder, name)
            info = os.lstat(path)
            data = Path(path).read_bytes() if stat.S_ISREG(info.st_mode) else b""
            found[path] = (info.st_mode, info.st_uid, info.st_gid, data)
    return found


def test_plans_stock_debians_open_configuration_in_words(stock):
    before = snapshot(stock)
    words = [step.words for step in planned(stock)]
    assert f"chmod 0600 {CONFIG} (was 0644)" in words
    assert f"chmod 0750 {CONF} (was 0755)" in words
    assert snapshot(stock) == before


def test_mends_what_it_planned_and_gives_it_all_back(stock):
    before = snapshot(stock)
    steps, journal = applied(stock)
    assert {step.state for step in steps} == {plan.DONE}
    assert planned(stock) == []
    assert [reason for _, reason in plan.undo(stock.site(), journal)] == [""] * len(steps)
    assert snapshot(stock) == before


def test_joins_two_findings_about_one_file(stock):
    stock.configure("$Conf{SmbSharePasswd} = 'open to all';")
    site = stock.site()
    audit = run(site, [BY_ID[each] for each in CHECKS])
    twice = (*audit.findings, *audit.findings)
    steps = [step for step in plan.plan(site, BY_ID, twice)
             if isinstance(step.repair, ModeRepair) and step.repair.path == CONFIG]
    assert len(steps) == 1
    assert len(steps[0].findings) == len(set(steps[0].findings))


def test_leaves_to_a_person_what_is_waived_right_or_manual(stock):
    site = stock.site()
    findings = run(site, [BY_ID[each] for each in CHECKS]).findings
    for change in ({"waived": "on purpose"}, {"state": State.PASS}, {"state": State.UNKNOWN},
                   {"auto": Auto.MANUAL}):
        assert plan.plan(site, BY_ID, [replace(each, **change) for each in findings]) == []


def test_tells_why_a_step_is_refused_and_goes_on_with_the_others(stock):
    os.link(stock.path(f"{CONF}/localhost.pl"), stock.path(f"{CONF}/second"))
    steps, _ = applied(stock)
    states = {step.repair.path: step for step in steps}
    assert states[f"{CONF}/localhost.pl"].state == plan.REFUSED
    assert "hard links" in states[f"{CONF}/localhost.pl"].reason
    assert states[CONFIG].state == plan.DONE


class _Edits(Check):
    """A check that has a setting changed in config.pl, and another in a host's file."""

    id = "SEC-02"

    def judge(self, site):
        return ()

    def repairs(self, site, finding):
        yield ConfigRepair(None, ("CgiUserConfigEdit", "RsyncArgs"), "0")
        yield ConfigRepair("localhost", ("CgiUserConfigEdit", "RsyncSshArgs"), "0")


def test_makes_a_hosts_hash_from_the_servers_as_it_was_just_changed(stock):
    stock.append(stock.host_file("localhost"), "$Conf{CgiUserConfigEdit}{TarFullArgs} = 0;")
    site = stock.site()
    finding = next(each for each in run(site, [BY_ID["SEC-02"]]).findings)
    steps = plan.plan(site, {"SEC-02": _Edits}, [replace(finding, state=State.FAIL)])
    with contextlib.closing(Journal(site.disk)) as journal:
        assert [step.state for step in plan.apply(site, steps, journal)] == [plan.DONE] * 2
    edit = stock.site().setting("CgiUserConfigEdit", "localhost")
    assert [edit[key] for key in ("RsyncArgs", "RsyncSshArgs", "TarFullArgs")] == ["0"] * 3
    assert edit["TarIncrArgs"] == "1"
