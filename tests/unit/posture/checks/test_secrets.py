"""A password is found wherever it lies, and no report holds it."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess

import pytest

from bpc_ssh_guard.posture import audit
from bpc_ssh_guard.posture.checks import CHECKS
from tests.posture_tree import BACKUPPC, CONF, CONFIG, SHARED

from .conftest import SSH, found, one, troubles

SECRET = "correct-horse-battery"
LINE = f"$Conf{{SmbSharePasswd}} = '{SECRET}';\n"
COPIES = {
    "config.pl.old": LINE, "config.pl.new": LINE, "config.pl.pre-4.4.0": LINE,
    "config.pl.sample": f"# hello\n{LINE}", "config.pl~": LINE, "config.pl.bak": LINE,
    ".config.pl.swp": f"b0VIM 9.0\0\0\0{LINE}", "config.pl.dpkg-old": LINE,
    "config.pl.ucf-dist": LINE, "#config.pl#": LINE, "RCS/config.pl,v": f"@$\n{LINE}@\n",
    "CVS/Base/config.pl": LINE, "notes": f'"SmbSharePasswd" => "{SECRET}"',
    "config.pl.old.gz": gzip.compress(LINE.encode()), "x.tar.bz2": bz2.compress(LINE.encode()),
    "x.xz": lzma.compress(LINE.encode()), "env": f"export BPC_SMB_PASSWD='{SECRET}'\n",
    "hosts.old": f"$Conf{{DumpPreUserCmd}} = 'mysql -p{SECRET} x';\n",
}


def _git(folder, *arguments):
    # The folder is backuppc's, whoever runs the test.
    subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.org",
                    "-c", "safe.directory=*", *arguments],
                   cwd=folder, check=True, capture_output=True, timeout=60,
                   env={**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"})


def add_history(tree, *, packed: bool) -> str:
    """Make a git repository in ConfDir that once held a password; return its path."""
    folder = tree.path(CONF)
    _git(folder, "-c", "init.defaultBranch=main", "init", "-q", ".")
    text = tree.read(CONFIG)
    for version in (text + LINE, text + "# 1\n", text + "# 2\n"):
        tree.path(CONFIG).write_text(version, encoding="utf-8")
        _git(folder, "add", "config.pl")
        _git(folder, "commit", "-q", "-m", "x")
    if packed:
        _git(folder, "gc", "-q", "--aggressive", "--prune=now")
    return f"{CONF}/.git"


def test_finds_a_password_in_every_kind_of_copy(stock):
    for name, content in COPIES.items():
        stock.write(f"{CONF}/{name}", content, 0o644, SHARED)
    findings = found(stock, "SEC-03")
    assert {each.subject for each in findings} == {f"{CONF}/{name}" for name in COPIES}
    assert {each.state.value for each in findings} == {"fail"}


def test_finds_no_fault_in_closed_copies(stock):
    for name, content in COPIES.items():
        stock.write(f"{CONF}/{name}", content, 0o600, SHARED)
    assert one(stock, "SEC-03").state.value == "pass"


@pytest.mark.parametrize("packed", [False, True], ids=["loose", "packed"])
def test_finds_a_password_in_the_history_of_git(stock, packed):
    repository = add_history(stock, packed=packed)
    finding = one(stock, "SEC-03")
    assert (finding.state.value, finding.subject) == ("fail", repository)
    assert "SmbSharePasswd" in finding.evidence


def test_takes_a_closed_history_for_closed(stock):
    stock.chmod(add_history(stock, packed=True), 0o700)
    assert one(stock, "SEC-03").state.value == "pass"


def test_finds_the_old_password_in_a_file_of_rcs(stock):
    folder = stock.path(CONF)
    for text in (LINE, "1;\n"):
        stock.write(f"{CONF}/old.pl", text, 0o600)
        subprocess.run(["ci", "-q", "-l", "-t-x", "-mx", "old.pl"], cwd=folder, check=True)
    stock.remove(f"{CONF}/old.pl")
    stock.chmod(f"{CONF}/old.pl,v", 0o444)
    finding = one(stock, "SEC-03")
    assert (finding.state.value, finding.subject) == ("fail", f"{CONF}/old.pl,v")


def test_takes_no_blank_value_for_a_password(stock):
    for number, value in enumerate(("''", '""', "'****'", "undef", '"$secret"')):
        stock.write(f"{CONF}/{number}", f"$Conf{{SmbSharePasswd}} = {value};\n", 0o644, SHARED)
    assert one(stock, "SEC-03").state.value == "pass"


def test_wants_a_person_for_an_expression(stock):
    stock.write(f"{CONF}/config.pl.old", "$Conf{SmbSharePasswd} = <<EOF;\nx\nEOF\n", 0o644, SHARED)
    assert one(stock, "SEC-03").state.value == "warn"


def test_wants_a_person_for_a_comment(stock):
    stock.configure(f"# {LINE}")
    finding = next(each for each in found(stock, "SEC-01") if each.subject == CONFIG)
    assert (finding.state.value, "in a comment" in finding.evidence) == ("warn", True)


def test_says_nothing_good_of_a_closed_book(stock):
    stock.configure("$Conf{SmbSharePasswd} = qw(x)[0];")
    assert ("SEC-01", "warn", "critical", CONFIG) in troubles(stock, "SEC-01")


@pytest.mark.parametrize(("length", "word"), [(1, "short"), (11, "short"), (12, "ok")])
def test_tells_a_length_in_words_only(stock, length, word):
    stock.configure(f"$Conf{{FtpPasswd}} = '{'x' * length}';")
    finding = next(each for each in found(stock, "SEC-01") if each.subject == CONFIG)
    assert finding.evidence.startswith(f"FtpPasswd ({word})")


def test_finds_a_password_in_the_commands_of_each_file(stock):
    for number, form in enumerate(("mysql -p{} x", "smbclient -U user%{} -c x")):
        stock.add_host(f"pc{number}", f"$Conf{{DumpPreUserCmd}} = '{form.format(SECRET)}';")
    assert {each.subject for each in found(stock, "SEC-04")} == {
        f"DumpPreUserCmd in {CONF}/pc{number}.pl" for number in range(2)}


def test_takes_a_script_that_fetches_the_password_for_clean(sound):
    sound.write("/usr/lib/backuppc/start", "#!/bin/sh\n"
                "BPC_SMB_PASSWD=$(cat $CREDENTIALS_DIRECTORY/smb) exec BackupPC\n", 0o755)
    sound.write("/etc/systemd/system/backuppc.service.d/smb.conf",
                "[Service]\nExecStart=\nExecStart=/usr/lib/backuppc/start\n")
    sound.configure("$Conf{SmbSharePasswd} = undef;")
    assert troubles(sound, "SEC-01", "SEC-05") == set()
    assert one(sound, "SEC-05").state.value == "pass"


def test_finds_the_open_credential_of_systemd(sound):
    sound.write("/etc/credentials/smb", SECRET, 0o644)
    sound.write("/etc/systemd/system/backuppc.service.d/smb.conf",
                "[Service]\nLoadCredential=smb:/etc/credentials/smb\n"
                "LoadCredentialEncrypted=x:/etc/passwd\n")
    assert troubles(sound, "SEC-01") == {("SEC-01", "fail", "critical", "/etc/credentials/smb")}


def _plant_everywhere(tree):
    """Put SECRET in every place and quoting that comes to mind, all open."""
    for name, content in COPIES.items():
        tree.write(f"{CONF}/{name}", content, 0o644, SHARED)
        tree.write(f"/var/backups/backuppc/{name}", content, 0o644)
    add_history(tree, packed=False)
    for number, text in enumerate((
        f"$Conf{{RsyncdPasswd}} = \"{SECRET}\";", f"$Conf{{FtpPasswd}} = 'x' . '{SECRET}';",
        f"$Conf{{SmbSharePasswd}} = <<'E';\n{SECRET}\nE",
        f"$Conf{{SmbSharePasswd}} = q{{{SECRET}}};",
        f"$Conf{{RsyncdPasswd}} = ['{SECRET}'];", f"{SECRET} = 1;", f"$Conf{{'{SECRET}'}} = 1;",
        f"$Conf{{DumpPreUserCmd}} = 'mysql -p{SECRET}';", f"$Conf{{X}} = '{SECRET}",
        f"$Conf{{DumpPreUserCmd}} = '&{SECRET}';", f"$Conf{{XferMethod}} = '{SECRET}';",
        f"# $Conf{{SmbSharePasswd}} = '{SECRET}';",
    )):
        tree.add_host(f"h{number}", text)
    tree.write("/etc/default/backuppc", f"export BPC_SMB_PASSWD={SECRET}\n", 0o644)
    tree.write("/etc/sudoers", f"backuppc ALL=/bin/sh -c {SECRET}\n", 0o644)
    tree.write(f"{SSH}/config", f"Host *\n ProxyCommand {SECRET}\n", 0o644, BACKUPPC)
    tree.configure(f"$Conf{{ServerMesgSecret}} = '{SECRET}';")


def test_no_report_holds_a_password(stock):
    _plant_everywhere(stock)
    report = repr(audit.run(stock.site(), CHECKS))
    for part in SECRET.split("-"):
        assert part not in report
    assert report.count("SEC-03") > len(COPIES)
