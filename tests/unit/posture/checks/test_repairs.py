"""What a check proposes for what it found; that it mends, the tests of `fix` show."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.posture.checks import BY_ID
from bpc_ssh_guard.posture.finding import Auto, State
from bpc_ssh_guard.posture.repair import ConfigRepair

from .conftest import found, one
from .test_planted_faults import FAULTS

MODES = [name for name, (_, expected) in FAULTS.items()
         if expected[1] == "fail" and BY_ID[expected[0]].auto == Auto.MODE]
# Files that belong to others than BackupPC are for a person.
BY_HAND = {"an open credential file", "a password in a unit", "a backup of the configuration",
           "a unit of backuppc", "a key of another"}


def repairs(tree, *ids):
    """Return what the checks IDS propose for their findings."""
    site = tree.site()
    return [(finding, list(BY_ID[finding.id]().repairs(site, finding)))
            for finding in found(tree, *ids)]


@pytest.mark.parametrize("name", sorted(set(MODES) & BY_HAND))
def test_leaves_to_a_person_what_isn_t_backuppcs(sound, name):
    plant, expected = FAULTS[name]
    plant(sound)
    for finding, proposed in repairs(sound, expected[0]):
        assert not proposed
        assert finding.state != State.FAIL or finding.auto == Auto.MANUAL


@pytest.mark.parametrize(("old", "new"), [
    ("$sshPath -oStrictHostKeyChecking=no -l root", "$sshPath -oStrictHostKeyChecking=yes -l root"),
    ("$sshPath -o StrictHostKeyChecking=off -o UserKnownHostsFile=/dev/null -l root",
     "$sshPath -o StrictHostKeyChecking=yes -l root"),
    ("$sshPath -A -l root", "$sshPath -a -l root"),
    ("$sshPath -o ForwardAgent=yes -l root", "$sshPath -o ForwardAgent=no -l root"),
])
def test_pins_what_a_setting_left_open(sound, old, new):
    sound.add_host("pc1", "$Conf{XferMethod} = 'rsync';",
                   f"$Conf{{RsyncSshArgs}} = ['-e', '{old}'];")
    [(_, proposed)] = repairs(sound, "SSH-02")
    assert proposed == [ConfigRepair("pc1", ("RsyncSshArgs",), ["-e", new])]
    sound.replace(sound.host_file("pc1"), old, new)
    assert one(sound, "SSH-02").state == State.PASS


def test_pins_for_all_hosts_at_once(sound):
    for name in ("pc1", "pc2"):
        sound.add_host(name, "$Conf{XferMethod} = 'rsync';")
    sound.configure("$Conf{RsyncSshArgs} = ['-e', '$sshPath -A -l root'];")
    [(finding, proposed)] = repairs(sound, "SSH-02")
    assert "pc1, pc2" in finding.evidence
    assert proposed == [ConfigRepair(None, ("RsyncSshArgs",), ["-e", "$sshPath -a -l root"])]
