"""Whatever lies on the server, an audit ends, follows nothing, and says what it couldn't read."""

from __future__ import annotations

import os
import zlib

from bpc_ssh_guard.backuppc.disk import MOST_ENTRIES
from tests.posture_tree import BACKUPPC, CODE, CONF, CONFIG, SHARED, TOP, UNIT

from .conftest import SSH, add_key, found, one, troubles

FIFOS = (
    f"{CONF}/localhost.pl", f"{CONF}/x.pl.old", UNIT, "/etc/default/backuppc", "/etc/sudoers",
    f"{SSH}/id_rsa", f"{SSH}/config", f"{SSH}/authorized_keys", f"{CODE}/bin/BackupPC",
    f"{CONF}/.git/objects/pack/x.pack", f"{CONF}/.git/objects/aa/{'0' * 38}",
    "/var/backups/backuppc.pl", "/tmp/restore.zip", "/etc/ssh/ssh_config",
    "/var/lib/dpkg/diversions", "/proc/self/mountinfo",
)


def _fifo(tree, name):
    tree.folder(os.path.dirname(name), 0o755, BACKUPPC)
    if tree.path(name).exists():
        tree.remove(name)
    os.mkfifo(tree.path(name), 0o644)


def test_waits_for_no_fifo(stock):
    stock.add_host("pc1", "$Conf{XferMethod} = 'rsync';")
    for name in FIFOS:
        _fifo(stock, name)
    unknown = {each.subject for each in found(stock) if each.state.value == "unknown"}
    assert {f"{CONF}/localhost.pl", "/etc/sudoers", f"/usr{UNIT}", f"{CODE}/bin/BackupPC",
            f"{SSH}/authorized_keys", f"{SSH}/config"} <= unknown


def test_reads_no_file_without_end(stock):
    names = (f"{CONF}/localhost.pl", f"{CONF}/config.pl.old", f"/usr{UNIT}", "/etc/sudoers",
             f"{CODE}/bin/BackupPC")
    for name in names:
        if not stock.path(name).exists():
            stock.write(name, "", 0o644, SHARED)
        os.truncate(stock.path(name), 10**10)
    assert set(names) <= {each.subject for each in found(stock) if each.state.value == "unknown"}


def test_follows_no_link_out_of_the_tree(stock, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (outside / "config.pl").write_text("$Conf{FtpPasswd} = 'sesame-sesame';\n")
    stock.link(f"{CONF}/x", str(outside))
    stock.link(f"{CONF}/config.pl.old", str(outside / "config.pl"))
    stock.link("/var/backups/backuppc", str(outside))
    assert one(stock, "SEC-03").state.value == "pass"
    assert {each[3] for each in troubles(stock, "CFG-02")} == {
        f"{CONF}/x", f"{CONF}/config.pl.old"}


def test_ends_at_a_ring_of_links(stock):
    stock.remove(f"{CONF}/pc")
    stock.link(f"{CONF}/pc", f"{CONF}/pd")
    stock.link(f"{CONF}/pd", f"{CONF}/pc")
    stock.add_host("pc1")
    states = {each.id: each.state.value for each in found(stock, "CFG-01", "CFG-02", "SEC-03")}
    assert states["CFG-02"] != "pass"


def test_says_so_where_a_folder_holds_too_much(stock):
    for number in range(MOST_ENTRIES + 1):
        stock.path(f"{CONF}/x{number}").touch(0o600)
    states = {each.id: each.state.value for each in found(stock, "CFG-02", "SEC-02", "SEC-03")}
    assert states == {"CFG-02": "unknown", "SEC-02": "unknown", "SEC-03": "unknown"}


DAMAGED = (
    b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + zlib.compressobj(9, zlib.DEFLATED, -15).compress(b""),
    b"BZh9nonsense", b"\xfd7zXZ\0nonsense", b"\x1f\x8bnonsense",
)


def test_says_so_where_a_copy_is_damaged(stock):
    for content in DAMAGED:
        stock.write(f"{CONF}/config.pl.gz", content, 0o644, SHARED)
        assert one(stock, "SEC-03").state.value == "unknown"


def test_unpacks_no_bomb(stock):
    machine = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = b"".join(machine.compress(bytes(1024 * 1024)) for _ in range(64)) + machine.flush()
    stock.write(f"{CONF}/config.pl.gz", data, 0o644, SHARED)
    assert "longer than" in one(stock, "SEC-03").evidence


PACKS = (
    b"", b"PACK", b"PACK\0\0\0\2\xff\xff\xff\xff", b"PACK\0\0\0\2\0\0\0\1\x3fx",
    b"PACK\0\0\0\2\0\0\0\1\xff\xff\xff\xff\x7f" + zlib.compress(b"x"),
    b"PACK\0\0\0\2\0\0\0\1\x61\x05" + zlib.compress(b"x"),
    b"PACK\0\0\0\2\0\0\0\1\x30" + zlib.compress(bytes(10**6)),
)


def test_says_so_where_a_pack_is_damaged(stock):
    for pack in PACKS:
        stock.write(f"{CONF}/.git/objects/pack/x.pack", pack, 0o644)
        finding = one(stock, "SEC-03")
        assert finding.state.value == "unknown"
        assert "failed" not in finding.evidence


def test_takes_names_that_are_no_text(stock):
    name = os.fsdecode(b"config.pl.\xff\x1b[2J")
    stock.write(f"{CONF}/{name}", "$Conf{FtpPasswd} = '\xff\xfe';", 0o644, SHARED)
    finding = one(stock, "SEC-03")
    assert (finding.state.value, finding.subject) == ("fail", f"{CONF}/{name}")


def test_takes_bytes_that_are_no_text(stock):
    for name in (CONFIG, f"{CONF}/hosts", "/etc/sudoers", f"{SSH}/config", UNIT,
                 "/etc/default/backuppc", f"{SSH}/authorized_keys", f"{SSH}/id_rsa",
                 "/var/lib/dpkg/info/backuppc.md5sums", "/etc/passwd", "/etc/group"):
        if not stock.path(name).exists():
            stock.write(name, "", 0o600, BACKUPPC)
        with stock.path(name).open("ab") as file:
            file.write(b"\xff\xfe\0\x80 = \xc3(\n")
    assert not [each for each in found(stock) if "it failed" in each.evidence]


def test_takes_a_key_of_nonsense(stock):
    path = add_key(stock)
    for body in (b"", b"AAAA", b"b3BlbnNzaC1rZXktdjEA/////w==", b"\xff" * 100):
        stock.path(path).write_bytes(b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + body
                                     + b"\n-----END OPENSSH PRIVATE KEY-----\n")
        stock.path(path).chmod(0o600)
        assert one(stock, "SSH-06").state.value == "unknown"


LONG = (
    "mysql " * 300_000, "$Conf{SmbSharePasswd} =" + " " * 10**6, "a+" * 800_000 + "://",
    "Cmd" * 500_000, "SmbSharePasswd" * 100_000, "BPC_SMB_PASSWD=" * 100_000, " -U" * 500_000,
)


def test_searches_long_lines_in_a_moment(stock):
    for line in LONG:
        stock.write(f"{CONF}/config.pl.old", line, 0o644, SHARED)
        assert found(stock, "SEC-03")  # a search of squared time would take hours


def test_never_lists_the_pool(stock):
    """A folder of the pool that holds too much would be UNKNOWN if it were looked at."""
    for number in range(MOST_ENTRIES + 1):
        stock.path(f"{TOP}/cpool/{number}").touch()
    assert one(stock, "POL-01").state.value == "pass"
    stock.chmod(TOP, 0o705)
    assert troubles(stock, "POL-01", "POL-02", "SEC-03") == {
        ("POL-01", "fail", "critical", TOP),
        ("POL-02", "fail", "medium", f"ArchiveDest in {CONFIG}")}
