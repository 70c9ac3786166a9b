"""bpc-ssh-keys(8) and bpc-ssh-keys.conf(5) have the program's words and numbers, and no others."""

from __future__ import annotations

import re
from math import ceil
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.duration import DAY, HOUR, in_words
from bpc_ssh_guard.keys import config, fleet, grants, transport, verify, words
from bpc_ssh_guard.keys.enroll import steps
from bpc_ssh_guard.keys.journal import STATES
from bpc_ssh_guard.keys.record import Outcome
from bpc_ssh_guard.keys.trouble import WORDS

from .pages import CONF, KEYS, items, literal_blocks, rendered, section, text

if TYPE_CHECKING:
    from pathlib import Path


def test_page_explains_every_state_in_its_order() -> None:
    assert items(section(KEYS, "ROTATION"), "Cm") == list(STATES)


def test_page_explains_every_step_of_an_enrolment_in_its_order() -> None:
    assert items(section(KEYS, "ENROLMENT"), "Cm") == list(steps.STEPS)


def test_page_explains_every_error_in_the_order_of_the_code() -> None:
    assert items(section(KEYS, "DIAGNOSTICS"), "Cm") == list(WORDS)


def test_page_explains_every_finding_in_the_order_of_the_code() -> None:
    assert items(section(KEYS, "FINDINGS"), "Cm") == list(verify.KINDS)


def test_page_names_every_outcome_and_no_other() -> None:
    shown = section(KEYS, "OPTIONS").split("\nA step has the\n")[1].split(".Cm age")[0]
    named = {word for line in re.findall(r"^\.Cm (.*)$", shown, re.MULTILINE)
             for word in line.replace(",", " ").split()} - {";", "."}
    known = {value for name, value in vars(Outcome).items() if name.isupper()}
    assert named == known


@pytest.mark.parametrize(
    "words",
    [
        f"1 to {fleet.MOST_JOBS}; {fleet.JOBS} by default",
        f"1m to {grants.LONGEST // HOUR}h; {in_words(grants.DEFAULT)} by default",
        f"more than {verify.PENDING // DAY} days",
        config.DEFAULT_CONFIG,
    ],
)
def test_page_has_the_numbers_of_the_code(words: str) -> None:
    assert words in " ".join(rendered(KEYS).split())


def test_plan_for_large_fleets_is_calculated_from_its_own_figures() -> None:
    plan = section(KEYS, "LARGE FLEETS")
    (cpu,) = re.findall(r"about (\d+) ms", plan)
    (wall,) = re.findall(r"([\d.]+) s for each", plan)
    jobs = [int(each) for each in re.findall(r"Ta Em --jobs (\d+)", plan)]
    assert jobs == [fleet.JOBS, fleet.MOST_JOBS]
    rows = re.findall(r"^\.It (\d+) Ta (\d+) Ta (\d+) Ta (\d+)$", plan, re.MULTILINE)
    assert len(rows) == 3
    for clients, *minutes in rows:
        keys = 2 * int(clients)
        times = [keys * int(cpu) / 1000, *(keys * float(wall) / each for each in jobs)]
        assert [int(each) for each in minutes] == [ceil(each / 60) for each in times]


def test_plan_for_large_fleets_has_the_numbers_of_the_code() -> None:
    plan = " ".join(section(KEYS, "LARGE FLEETS").split())
    days, limit = config.Host.max_age // DAY, transport.CONNECT_SECONDS
    assert f"last {days} days, 10000 clients" in plan
    assert f"have {ceil(2 * 10000 / days)} keys due" in plan
    minutes = ceil(500 * limit / fleet.MOST_JOBS / 60)
    assert (f"costs {limit:.0f} s of one job: 500 of 10000 are {minutes} minutes with"
            f" {fleet.MOST_JOBS} jobs") in plan


def test_conf_explains_every_word_and_no_other() -> None:
    source = text(CONF)
    paths, hosts, *_ = source.split("\n.Ss ")[1:]
    own, defaults = hosts.split("\n.Va [defaults] ,\n")
    assert set(items(paths, "Va")) == set(words.PATHS)
    assert set(items(defaults, "Va")) == set(words.DEFAULTS)
    assert set(items(own, "Va")) == set(words.HOST) - set(words.DEFAULTS)


def test_conf_has_every_default(tmp_path: Path) -> None:
    page = rendered(CONF)
    (tmp_path / "config").write_text("[host.NAME]\nlabels = {backup = 'a'}\nrotation_label = 'b'\n")
    found = config.load(str(tmp_path / "config"))
    host = found.hosts["NAME"]
    for value in (found.etc, found.var, found.reader, host.port, host.user, host.channel,
                  in_words(host.max_age), in_words(host.warn_age), f"{host.soak // HOUR}h"):
        assert f"{value}" in page
    assert host.rotation_key == f"{found.var}/rotation/NAME"


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    (shown,) = literal_blocks(CONF)
    (tmp_path / "config").write_text(shown)
    found = config.load(str(tmp_path / "config"))
    assert list(found.hosts) == ["web1", "db.example.org"]
    assert found.hosts["web1"].source == ("192.0.2.7",)
