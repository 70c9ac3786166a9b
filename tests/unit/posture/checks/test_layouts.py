"""Upstream's layout, and units with drop-ins: the same judgements at other places."""

from __future__ import annotations

import pytest

from tests.posture_tree import BACKUPPC, CODE, CONF, CONFIG, TOP, UNIT

from .conftest import DROP_IN, found, one, troubles

UPSTREAM = "/etc/BackupPC"


@pytest.fixture
def upstream(sound):
    """Return the sound server moved to upstream's places, one host's file in its pc folder."""
    text = sound.read(CONFIG).replace(CODE, "/usr/local/BackupPC").replace(CONF, UPSTREAM)
    sound.path(CONFIG).write_text(text)
    sound.remove(f"{CONF}/pc")
    sound.folder(f"{CONF}/pc", 0o750, BACKUPPC)
    for name in ("localhost.pl", "pc1.pl"):
        sound.write(f"{CONF}/pc/{name}", sound.read(f"{CONF}/localhost.pl"), 0o640, BACKUPPC)
    sound.append(f"{CONF}/hosts", "pc1 0 backuppc")
    sound.remove(f"{CONF}/localhost.pl")
    sound.path(CONF).rename(sound.path(UPSTREAM))
    sound.folder("/usr/local")
    sound.path(CODE).rename(sound.path("/usr/local/BackupPC"))
    sound.remove("/var/lib/dpkg/info/backuppc.md5sums")
    return sound


def _own(tree):
    return {each for each in troubles(tree)
            if each[0].startswith(("CFG", "SEC", "INS", "POL", "SHR", "SSH", "SYS"))}


def test_finds_nothing_on_a_sound_upstream_server(upstream):
    assert upstream.site().layout.name == "upstream"
    assert _own(upstream) == set()
    assert one(upstream, "INS-03").state.value == "n-a"


def test_finds_the_password_in_a_hosts_file(upstream):
    upstream.append(f"{UPSTREAM}/pc/pc1.pl", "$Conf{RsyncdPasswd} = 'sesame-sesame';")
    for name, mode in ((UPSTREAM, 0o751), (f"{UPSTREAM}/pc", 0o751)):
        upstream.chmod(name, mode)
    upstream.chmod(f"{UPSTREAM}/pc/pc1.pl", 0o644)
    assert _own(upstream) == {("SEC-01", "fail", "critical", f"{UPSTREAM}/pc/pc1.pl")}


def test_tells_of_open_files_of_hosts_with_their_folder(upstream):
    for name in (UPSTREAM, f"{UPSTREAM}/pc"):
        upstream.chmod(name, 0o751)
    upstream.chmod(f"{UPSTREAM}/pc/pc1.pl", 0o644)
    assert _own(upstream) == {("SEC-02", "fail", "medium", UPSTREAM)}


def test_finds_the_link_in_the_folder_of_hosts(upstream):
    upstream.link(f"{UPSTREAM}/pc/pc2.pl", "/etc/passwd")
    assert _own(upstream) == {("CFG-02", "fail", "critical", f"{UPSTREAM}/pc/pc2.pl")}


@pytest.mark.parametrize("target", ["nowhere", "pc"])
def test_takes_a_link_to_nowhere_for_a_link(sound, target):
    sound.remove(f"{CONF}/pc")
    sound.link(f"{CONF}/pc", target)
    assert troubles(sound, "CFG-02") == {("CFG-02", "fail", "critical", f"{CONF}/pc")}


def test_finds_a_password_in_the_legacy_place(stock):
    stock.chmod(TOP, 0o755)
    stock.chmod(f"{TOP}/pc", 0o755)
    stock.chmod(f"{TOP}/pc/localhost", 0o755)
    stock.write(f"{TOP}/pc/localhost/config.pl", "$Conf{FtpPasswd} = 'sesame';\n", 0o644, BACKUPPC)
    stock.write(f"{TOP}/pc/localhost/config.pl.old", "$Conf{FtpPasswd} = 'x';\n", 0o644, BACKUPPC)
    subjects = {each.id: each.subject for each in found(stock, "SEC-01", "SEC-03")
                if each.state.value == "fail"}
    assert subjects == {"SEC-01": f"{TOP}/pc/localhost/config.pl",
                        "SEC-03": f"{TOP}/pc/localhost/config.pl.old"}


def test_weighs_the_service_as_systemd_does(stock):
    assert one(stock, "SYS-01").evidence.endswith("systemd-analyze: 9.2 UNSAFE")
    stock.write("/etc/systemd/system/backuppc.service.d/x.conf", DROP_IN)
    assert "MEDIUM" in one(stock, "SYS-01").evidence


@pytest.mark.parametrize(("drop_ins", "state"), [
    (("[Service]\nPrivateTmp=no\n",), "fail"),
    (("[Service]\nPrivateTmp=no\n", "[Service]\nPrivateTmp=yes\n"), "pass"),
    (("[Unit]\nPrivateTmp=no\n",), "pass"),
    (("# [Service]\n;PrivateTmp=no\n",), "pass"),
    (("[Service]\nUMask=\\\n 0\n",), "fail"),
    (("[Service]\nUMask=077\n",), "pass"),
])
def test_puts_drop_ins_together_as_systemd_does(sound, drop_ins, state):
    for number, text in enumerate(drop_ins):
        sound.write(f"/etc/systemd/system/backuppc.service.d/z{number}.conf", text)
    assert one(sound, "SYS-01").state.value == state


def test_finds_no_unit_to_judge(sound):
    sound.remove(UNIT)
    sound.remove("/etc/systemd/system/multi-user.target.wants/backuppc.service")
    assert one(sound, "SYS-01").state.value == "n-a"


def test_takes_a_masked_unit_for_none(sound):
    sound.remove("/etc/systemd/system/backuppc.service.d")
    sound.link("/etc/systemd/system/backuppc.service", "/dev/null")
    assert one(sound, "SYS-01").state.value == "n-a"
