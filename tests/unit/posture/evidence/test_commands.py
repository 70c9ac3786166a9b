"""Passwords among the words of a command, told from options that only look like them."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.posture.evidence.commands import credential_files, inline_secret


@pytest.mark.parametrize("command", [
    "/usr/bin/mysqldump -u x -psesame db", "mariadb-dump --password=sesame x",
    "mysql --password sesame x", "PGPASSWORD=sesame pg_dump", "MYSQL_PWD='sesame' mysql",
    "smbclient //h/s -U user%sesame -c x", "smbclient -Uuser%sesame x", "sshpass -psesame ssh x",
    "curl -u user:sesame x", "ftp://user:sesame@host/x", "BPC_SMB_PASSWD=sesame x",
])
def test_finds_a_password(command):
    assert inline_secret(command)
    assert "sesame" not in inline_secret(command)


@pytest.mark.parametrize("command", [
    "/usr/bin/ssh -p2222 x", "/bin/tar -pxf -", "mysqldump --defaults-extra-file=/x y",
    "rsync --password-file=/x", "smbclient -U $userName -A /x", "mysql -u x -p$dbpasswd x",
    "mysql -p x", "PGPASSWORD=$x pg_dump", "smbclient -U user%$passwd", "date +%Y%m%d",
    "rsync '--log-format=log: %o %i %B %8U,%8G %9l %f%L'", "ssh root@host", "--password=****",
])
def test_takes_no_option_for_a_password(command):
    assert inline_secret(command) is None


def test_names_the_files_that_hold_a_password():
    assert credential_files("smbclient -A /etc/smb.cred+ --defaults-file=/etc/my.cnf -A $x") == [
        "/etc/smb.cred", "/etc/my.cnf"]
