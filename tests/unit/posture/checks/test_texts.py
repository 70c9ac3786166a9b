"""Every check says what an admin needs, and is one of the table's."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.posture.checks import (
    configuration,
    installation,
    passwords,
    pool,
    service,
    shares,
    ssh_keys,
)
from bpc_ssh_guard.posture.finding import Auto, Section, Severity

# id, severity and who mends it, as the manual's table has them
TABLE = """
CFG-01 high manual      CFG-02 critical manual  SEC-01 critical mode    SEC-02 medium mode
SEC-03 high mode        SEC-04 high manual      SEC-05 low manual       INS-01 critical mode
INS-02 low manual       INS-03 medium manual    POL-01 critical mode    POL-02 medium manual
SHR-01 medium manual    SHR-02 medium manual    SSH-01 critical manual  SSH-02 high config
SSH-03 medium keys      SSH-04 high manual      SSH-05 critical mode    SSH-06 low keys
SSH-07 high manual      SSH-08 low manual       SYS-01 low manual
"""
WORDS = TABLE.split()
ROWS = dict(zip(WORDS[::3], zip(WORDS[1::3], WORDS[2::3])))
SECTIONS = {
    "CFG": Section.CONFIGURATION, "SEC": Section.PASSWORDS, "INS": Section.INSTALLATION,
    "POL": Section.POOL, "SHR": Section.SHARES, "SSH": Section.SSH_KEYS, "SYS": Section.SERVICE,
}
CHECKS = [check for module in (configuration, passwords, installation, pool, shares, ssh_keys,
                               service) for check in module.CHECKS]


def test_has_each_check_of_the_table_in_its_order():
    assert [check.id for check in CHECKS] == list(ROWS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_check_is_as_the_table_has_it(check):
    severity, auto = ROWS[check.id]
    assert check.severity == Severity[severity.upper()]
    assert check.auto == Auto(auto)
    assert check.section == SECTIONS[check.id[:3]]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_check_has_all_its_texts(check):
    for text in (check.title, check.looks_at, check.proof, check.why, check.fix):
        assert text.strip() == text
        assert "  " not in text
        assert len(text) > 3
    assert check.why.endswith(".")
    assert len(check.title) < 60
