"""bpc-ssh-posture(8) has every check, state and word of its files, and no other."""

from __future__ import annotations

import re

from bpc_ssh_guard.cli.posture.audit import BARS, NO_BAR, WAIVERS
from bpc_ssh_guard.posture import waivers
from bpc_ssh_guard.posture.checks import CHECKS
from bpc_ssh_guard.posture.finding import Section, State

from .pages import POSTURE, items, literal_blocks, rendered, section


def test_page_explains_every_check_in_the_order_of_the_code_with_its_severity() -> None:
    told = re.findall(r"^\.It Cm (\S+) No \((\w+)\) ", section(POSTURE, "CHECKS"), re.MULTILINE)
    assert told == [(check.id, check.severity.word) for check in CHECKS]


def test_page_says_of_every_check_what_is_wrong_and_what_mends_it() -> None:
    page = " ".join(rendered(POSTURE).split())
    for check in CHECKS:
        for words in (check.title, check.fix.rstrip(".")):
            assert " ".join(words.split()) in page, check.id


def test_page_explains_every_state() -> None:
    assert items(section(POSTURE, "STATES"), "Cm") == [
        state.value for state in (State.PASS, State.FAIL, State.WARN, State.UNKNOWN,
                                  State.NOT_APPLICABLE)]


def test_page_names_every_section_and_every_bar() -> None:
    page = " ".join(rendered(POSTURE).split())
    assert [each.value for each in Section if each.value not in page] == []
    assert [bar for bar in (*BARS, NO_BAR, WAIVERS) if bar not in page] == []


def test_the_example_is_a_waiver(tmp_path) -> None:
    (shown,) = literal_blocks(POSTURE)
    path = tmp_path / "waivers.toml"
    path.write_text(shown)
    path.chmod(0o644)
    (waiver,) = waivers.read(str(path), frozenset(check.id for check in CHECKS))
    assert waiver.id == "SSH-08"
