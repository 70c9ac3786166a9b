"""One fault at a time on a sound server: its check says so, with state, severity and subject."""

from __future__ import annotations

import os
import time

import pytest

from tests.posture_tree import BACKUPPC, CODE, CONF, CONFIG, TOP, UNIT

from .conftest import SSH, add_key, troubles

OWN = ("CFG", "SEC", "INS", "POL", "SHR", "SSH", "SYS")  # the others' tests lie beside these
IN_CONFIG = f"in {CONFIG}"
SMB = "$Conf{XferMethod} = 'smb';"
ENCRYPTED = [f"$Conf{{SmbClient{each}Cmd}} = 'smbclient --client-protection=encrypt x';"
             for each in ("Full", "Incr", "Restore")]


def _open(tree, mode=0o751):
    """Let others go through the configuration folder, but not list it."""
    tree.chmod(CONF, mode)


def _secret_in_config(tree):
    _open(tree)
    tree.configure("$Conf{RsyncdPasswd} = 'sesame-sesame';")
    tree.chmod(CONFIG, 0o644)


def _secret_of_host(tree):
    _open(tree)
    tree.add_host("pc1", "$Conf{XferMethod} = 'tar';", "$Conf{TarClientCmd} = '/bin/tar';",
                  "$Conf{TarClientRestoreCmd} = '/bin/tar';", "$Conf{FtpPasswd} = 'x';")
    tree.chmod(f"{CONF}/pc1.pl", 0o644)


def _credential_file(tree):
    tree.write("/etc/smb.cred", "password = sesame\n", 0o644)
    tree.configure("$Conf{DumpPreUserCmd} = '/usr/bin/smbclient -A /etc/smb.cred //a/b';")


def _unit_secret(tree):
    tree.write("/etc/systemd/system/backuppc.service.d/smb.conf",
               "[Service]\nEnvironment=\"BPC_SMB_PASSWD=sesame\"\n", 0o644)
    tree.configure("$Conf{SmbSharePasswd} = undef;")


def _dead_environment(tree):
    tree.write("/etc/smb.env", "BPC_SMB_PASSWD=sesame\n", 0o600)
    tree.write("/etc/systemd/system/backuppc.service.d/smb.conf",
               "[Service]\nEnvironmentFile=/etc/smb.env\n", 0o644)


def _link(tree):
    tree.link(f"{CONF}/pc1.pl", "/etc/passwd")


def _hard_link(tree):
    tree.write("/srv/b.pl", "", 0o600, BACKUPPC)
    tree.path(f"{CONF}/b.pl").hardlink_to(tree.path("/srv/b.pl"))


def _rsync_host(tree, *lines, name="pc1"):
    tree.add_host(name, "$Conf{XferMethod} = 'rsync';", *lines)


def _smb_host(tree, *lines):
    tree.add_host("pc1", SMB, *lines)


def _two_hosts_one_key(tree):
    add_key(tree)
    for name in ("pc1", "pc2"):
        _rsync_host(tree, "$Conf{RsyncSshArgs} = ['-e', '$sshPath -l backup'];", name=name)


def _old_key(tree):
    path = tree.path(add_key(tree))
    old = time.time() - 3 * 365 * 86400
    os.utime(path, (old, old))


def _sudo(tree, rule):
    tree.write("/etc/sudoers", "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n"
               "@includedir /etc/sudoers.d\n", 0o440)
    tree.write("/etc/sudoers.d/backuppc", f"{rule}\n", 0o440)


def _authorized(tree, options):
    add_key(tree)
    line = tree.read(f"{SSH}/id_ed25519.pub")
    tree.write(f"{SSH}/authorized_keys", f"{options}{line}", 0o600, BACKUPPC)


def _archive_host(tree):
    tree.add_host("tape", "$Conf{XferMethod} = 'archive';", "$Conf{ArchiveDest} = '/var/tmp';")


def _mount(tree):
    tree.write("/proc/self/mountinfo", "1 0 0:1 / / rw - ext4 /dev/x rw\n"
               f"2 1 0:2 / {TOP} rw - nfs4 server:/pool rw\n")


def _move_pool(tree):
    tree.path(TOP).rename(tree.path("/srv-pool"))
    tree.link(TOP, "/srv-pool")


FAULTS = {
    "Perl code as a command": (
        lambda tree: tree.configure("$Conf{DumpPreUserCmd} = '&main::x';"),
        ("CFG-01", "warn", "high", f"DumpPreUserCmd {IN_CONFIG}")),
    "a link": (_link, ("CFG-02", "fail", "critical", f"{CONF}/pc1.pl")),
    "a hard link": (_hard_link, ("CFG-02", "fail", "critical", f"{CONF}/b.pl")),
    "a set-id file": (
        lambda tree: tree.write(f"{CONF}/x", "", 0o4700, BACKUPPC),
        ("CFG-02", "fail", "critical", f"{CONF}/x")),
    "a FIFO": (
        lambda tree: os.mkfifo(tree.path(f"{CONF}/x"), 0o600),
        ("CFG-02", "fail", "critical", f"{CONF}/x")),
    "a password in config.pl": (_secret_in_config, ("SEC-01", "fail", "critical", CONFIG)),
    "a password of a host": (_secret_of_host, ("SEC-01", "fail", "critical", f"{CONF}/pc1.pl")),
    "an open credential file": (
        _credential_file, ("SEC-01", "fail", "critical", "/etc/smb.cred")),
    "a password in a unit": (
        _unit_secret,
        ("SEC-01", "fail", "critical", "/etc/systemd/system/backuppc.service.d/smb.conf")),
    "an open folder": (
        lambda tree: _open(tree, 0o755), ("SEC-02", "fail", "medium", CONF)),
    "an open list of hosts": (
        lambda tree: (_open(tree), tree.chmod(f"{CONF}/hosts", 0o644)),
        ("SEC-02", "fail", "medium", CONF)),
    "a backup of the configuration": (
        lambda tree: tree.write("/var/backups/backuppc/config.pl",
                                "$Conf{ServerMesgSecret} = 'sesame';\n", 0o644),
        ("SEC-03", "fail", "high", "/var/backups/backuppc/config.pl")),
    "a password in a command": (
        lambda tree: tree.configure("$Conf{DumpPreUserCmd} = 'mysqldump -u x -psesame db';"),
        ("SEC-04", "fail", "high", f"DumpPreUserCmd {IN_CONFIG}")),
    "a dead environment": (
        _dead_environment, ("SEC-05", "fail", "low", "SmbSharePasswd")),
    "a program for the group": (
        lambda tree: tree.chmod(f"{CODE}/bin/BackupPC", 0o775),
        ("INS-01", "fail", "critical", f"{CODE}/bin/BackupPC")),
    "a folder above the programs": (
        lambda tree: tree.chmod("/usr/share", 0o777),
        ("INS-01", "fail", "critical", "/usr/share")),
    "an open unit": (
        lambda tree: tree.chmod(UNIT, 0o666), ("INS-01", "fail", "critical", f"/usr{UNIT}")),
    "an open init default": (
        lambda tree: tree.chmod("/etc/default/backuppc", 0o664),
        ("INS-01", "fail", "critical", "/etc/default/backuppc")),
    "a named program in /tmp": (
        lambda tree: (tree.write("/tmp/gzip", "", 0o777),
                      tree.configure("$Conf{GzipPath} = '/tmp/gzip';")),
        ("INS-01", "fail", "critical", "/tmp/gzip")),
    "a conditional program": (
        lambda tree: tree.chmod("/usr/bin/ssh", 0o757),
        ("INS-01", "fail", "critical", "/usr/bin/ssh")),
    "a changed program": (
        lambda tree: tree.append(f"{CODE}/bin/BackupPC", "# changed"),
        ("INS-03", "fail", "medium", f"{CODE}/bin/BackupPC")),
    "a missing program": (
        lambda tree: tree.remove(f"{CODE}/bin/BackupPC_dump"),
        ("INS-03", "fail", "medium", f"{CODE}/bin/BackupPC_dump")),
    "an open TopDir": (
        lambda tree: tree.chmod(TOP, 0o705), ("POL-01", "fail", "critical", TOP)),
    "a TopDir to pass through": (
        lambda tree: tree.chmod(TOP, 0o701), ("POL-01", "fail", "critical", TOP)),
    "open logs elsewhere": (
        lambda tree: (tree.folder("/var/log/backuppc", 0o755, BACKUPPC),
                      tree.configure("$Conf{LogDir} = '/var/log/backuppc';")),
        ("POL-01", "fail", "critical", "/var/log/backuppc")),
    "archives in /tmp": (
        _archive_host, ("POL-02", "fail", "medium", f"ArchiveDest in {CONF}/tape.pl")),
    "a restore left over": (
        lambda tree: tree.write("/tmp/restore.zip", "", 0o644, BACKUPPC),
        ("POL-02", "fail", "medium", "/tmp/restore.zip")),
    "a closed restore left over": (
        lambda tree: tree.write("/tmp/restore.tar", "", 0o600, BACKUPPC),
        ("POL-02", "warn", "medium", "/tmp/restore.tar")),
    "a pool on NFS": (_mount, ("POL-02", "warn", "medium", TOP)),
    "a linked pool": (_move_pool, ("POL-02", "warn", "medium", TOP)),
    "a loose key": (
        lambda tree: add_key(tree, mode=0o640),
        ("SSH-05", "fail", "critical", f"{SSH}/id_ed25519")),
    "a key that ssh refuses": (
        lambda tree: add_key(tree, mode=0o604),
        ("SSH-05", "fail", "medium", f"{SSH}/id_ed25519")),
    "a folder of keys for the group": (
        lambda tree: (add_key(tree), tree.chmod(SSH, 0o770)),
        ("SSH-05", "fail", "critical", SSH)),
    "a short key": (
        lambda tree: add_key(tree, "id_rsa", "-t", "rsa", "-b", "2048"),
        ("SSH-06", "fail", "low", f"{SSH}/id_rsa")),
    "an old key": (_old_key, ("SSH-06", "warn", "low", f"{SSH}/id_ed25519")),
    "a key for backuppc": (
        lambda tree: _authorized(tree, ""),
        ("SSH-07", "fail", "high", f"{SSH}/authorized_keys")),
    "a bounded key for backuppc": (
        lambda tree: _authorized(tree, 'restrict,command="/bin/x" '),
        ("SSH-07", "warn", "high", f"{SSH}/authorized_keys")),
    "sudo tar": (
        lambda tree: _sudo(tree, "backuppc ALL=(root) NOPASSWD: /bin/tar -c *"),
        ("SSH-07", "fail", "high", "/etc/sudoers.d/backuppc")),
    "sudo of another program": (
        lambda tree: _sudo(tree, "backuppc ALL=NOPASSWD: /usr/sbin/lvcreate"),
        ("SSH-07", "warn", "high", "/etc/sudoers.d/backuppc")),
    "a login shell": (
        lambda tree: tree.replace("/etc/passwd", f"{TOP}:/usr/sbin/nologin", f"{TOP}:/bin/bash"),
        ("SSH-08", "fail", "low", "backuppc")),
    "a service without umask": (
        lambda tree: tree.replace("/etc/systemd/system/backuppc.service.d/confine.conf",
                                  "UMask=0027\n", ""),
        ("SYS-01", "fail", "low", "backuppc.service")),
}

# A host that is backed up otherwise is seen by several checks, each with its own question.
HOSTS = {
    "ftp": (lambda tree: tree.add_host("pc1", "$Conf{XferMethod} = 'ftp';"), {
        ("SHR-01", "fail", "medium", "pc1"), ("SHR-02", "unknown", "medium", "pc1")}),
    "rsyncd": (lambda tree: tree.add_host("pc1", "$Conf{XferMethod} = 'rsyncd';"), {
        ("SHR-01", "fail", "medium", "pc1"), ("SHR-02", "unknown", "medium", "pc1")}),
    "smb": (_smb_host, {
        ("SHR-01", "fail", "medium", "pc1"), ("SHR-02", "unknown", "medium", "pc1")}),
    "encrypted smb": (
        lambda tree: _smb_host(tree, *ENCRYPTED, "$Conf{SmbShareName} = 'backup';"),
        {("SHR-02", "unknown", "medium", "pc1")}),
    "a whole drive": (
        lambda tree: _smb_host(tree, *ENCRYPTED, "$Conf{SmbShareName} = ['docs', 'D$'];"), {
            ("SHR-01", "fail", "medium", "pc1"), ("SHR-02", "unknown", "medium", "pc1")}),
    "rsyncd behind a tunnel": (
        lambda tree: tree.add_host("pc1", "$Conf{XferMethod} = 'rsyncd';",
                                   "$Conf{ClientNameAlias} = '127.0.0.1';"), set()),
    "ssh as root": (_rsync_host, {
        ("SSH-01", "warn", "critical", f"RsyncSshArgs {IN_CONFIG}"),
        ("SSH-04", "unknown", "high", "hosts")}),
    "ssh as another": (
        lambda tree: _rsync_host(tree, "$Conf{RsyncSshArgs} = ['-e', '$sshPath -l backup'];"), {
            ("SSH-01", "unknown", "critical", f"RsyncSshArgs in {CONF}/pc1.pl"),
            ("SSH-04", "unknown", "high", "hosts")}),
    "unchecked host keys": (
        lambda tree: _rsync_host(
            tree, "$Conf{RsyncSshArgs} = ['-e', '$sshPath -oStrictHostKeyChecking=no -l b'];"), {
            ("SSH-01", "unknown", "critical", f"RsyncSshArgs in {CONF}/pc1.pl"),
            ("SSH-02", "fail", "high", f"RsyncSshArgs in {CONF}/pc1.pl"),
            ("SSH-04", "unknown", "high", "hosts")}),
    "host keys thrown away for all": (
        lambda tree: (_rsync_host(tree), tree.folder(SSH, 0o700, BACKUPPC),
                      tree.write(f"{SSH}/config", "Host *\n UserKnownHostsFile /dev/null\n", 0o600,
                                 BACKUPPC)), {
            ("SSH-01", "warn", "critical", f"RsyncSshArgs {IN_CONFIG}"),
            ("SSH-02", "fail", "high", f"{SSH}/config"),
            ("SSH-04", "unknown", "high", "hosts")}),
    "an agent forwarded by the system": (
        lambda tree: (_rsync_host(tree),
                      tree.write("/etc/ssh/ssh_config", "Include /etc/ssh/ssh_config.d/*.conf\n"),
                      tree.write("/etc/ssh/ssh_config.d/x.conf", "ForwardAgent yes\n")), {
            ("SSH-01", "warn", "critical", f"RsyncSshArgs {IN_CONFIG}"),
            ("SSH-02", "fail", "high", "/etc/ssh/ssh_config.d/x.conf"),
            ("SSH-04", "unknown", "high", "hosts")}),
    "one key for two hosts": (_two_hosts_one_key, {
        ("SSH-01", "unknown", "critical", f"RsyncSshArgs in {CONF}/pc1.pl"),
        ("SSH-01", "unknown", "critical", f"RsyncSshArgs in {CONF}/pc2.pl"),
        ("SSH-03", "fail", "medium", f"{SSH}/id_ed25519"),
        ("SSH-04", "unknown", "high", "hosts")}),
}

# Only root can give files to others.
OWNERS = {
    "programs of backuppc": (
        lambda tree: tree.chown(f"{CODE}/bin/BackupPC", *BACKUPPC),
        ("INS-02", "fail", "low", CODE)),
    "a unit of backuppc": (
        lambda tree: tree.chown("/etc/init.d/backuppc", *BACKUPPC),
        ("INS-01", "fail", "critical", "/etc/init.d/backuppc")),
    "a foreign file": (
        lambda tree: tree.write(f"{CONF}/x", "", 0o600, ("nobody", "nogroup")),
        ("CFG-02", "fail", "critical", f"{CONF}/x")),
    "a key of another": (
        lambda tree: (add_key(tree), tree.chown(f"{SSH}/id_ed25519", "nobody", "nogroup")),
        ("SSH-05", "fail", "critical", f"{SSH}/id_ed25519")),
    "a guest in the pool's group": (
        lambda tree: tree.add_member("backuppc", "nobody"),
        ("POL-02", "warn", "medium", "group backuppc")),
}
if os.geteuid() == 0:
    FAULTS.update(OWNERS)


@pytest.fixture(scope="session")
def before(sound_tree):
    """Return what isn't right on the sound server: what others' checks can't tell there."""
    return troubles(sound_tree)


def test_finds_nothing_on_a_sound_server(sound):
    assert {each for each in troubles(sound) if each[0].startswith(OWN)} == set()


@pytest.mark.parametrize("name", FAULTS)
def test_finds_that_fault_and_no_other(before, sound, name):
    plant, expected = FAULTS[name]
    plant(sound)
    assert sorted(troubles(sound) ^ before) == [expected]


@pytest.mark.parametrize("name", HOSTS)
def test_judges_a_host_that_is_backed_up_over(before, sound, name):
    plant, expected = HOSTS[name]
    plant(sound)
    assert sorted(troubles(sound) ^ before) == sorted(expected)


def test_knows_nothing_of_a_file_that_is_a_program(before, sound):
    sound.append(sound.host_file("localhost"), "$Conf{X} = do { 1 };")
    new = troubles(sound) - before
    assert {each for each in new if each[1] != "unknown"} == {
        ("CFG-01", "fail", "high", f"{CONF}/localhost.pl")}
    assert {"SEC-04", "SHR-01", "SSH-01", "SSH-02"} <= {each[0] for each in new}
