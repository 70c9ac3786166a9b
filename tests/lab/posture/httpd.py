"""A throw-away Apache on loopback that serves BackupPC's own CGI, with a login or without."""

from __future__ import annotations

import contextlib
import http.client
import os
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.process import start, terminate, wait_for
from tests.lab.sshd import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.backuppc import BackupPcServer

MODULES = "/usr/lib/apache2/modules"
_LOADED = ("mpm_prefork", "authn_core", "authn_file", "authz_core", "authz_host", "authz_user",
           "auth_basic", "cgi", "dir", "alias", "env")
LOGIN = """    AuthType basic
    AuthName "BackupPC admin"
    AuthUserFile {folder}/htpasswd
    Require valid-user
"""
_CONFIG = """ServerName localhost
ServerRoot {folder}
Listen 127.0.0.1:{port}
PidFile {folder}/httpd.pid
ErrorLog {folder}/error.log
Mutex file:{folder}
User {user}
Group {group}
{modules}
ScriptAlias /backuppc/index.cgi {folder}/index.cgi
Redirect /elsewhere http://127.0.0.2/
Redirect /old http://127.0.0.1:{port}/backuppc/index.cgi
<Directory {folder}>
    Options +ExecCGI
{access}
</Directory>
"""
# The CGI believes the name that the web server gives, none without a login: as Debian's wrapper.
_WRAPPER = """#!/bin/sh
exec /usr/bin/perl -T -I{inst}/lib {inst}/lib/realindex.cgi
"""


@contextlib.contextmanager
def serving(server: BackupPcServer, access: str) -> Iterator[str]:
    """Serve SERVER's page with the directives ACCESS; give its address."""
    # A folder that the web server's account reaches, as pytest's are not.
    with tempfile.TemporaryDirectory(prefix="bpc-ssh-guard-") as folder:
        os.chmod(folder, 0o755)
        yield from _serving(Path(folder), server, access)


def _serving(folder: Path, server: BackupPcServer, access: str) -> Iterator[str]:
    port = free_port()
    wrapper = folder / "index.cgi"
    wrapper.write_text(_WRAPPER.format(inst=f"{server.folder}/inst"))
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    password = subprocess.run(["openssl", "passwd", "-apr1", "planted"], check=True,
                              capture_output=True, text=True, timeout=60).stdout
    (folder / "htpasswd").write_text(f"bpcadmin:{password}")
    (folder / "httpd.conf").write_text(_CONFIG.format(
        folder=folder, port=port, user=server.account.name, group=f"#{server.account.gid}",
        modules="\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in _LOADED),
        access=access.format(folder=folder)))
    server.account.own(str(folder), str(folder / "htpasswd"), str(wrapper))
    httpd = start(["/usr/sbin/apache2", "-X", "-f", str(folder / "httpd.conf")],
                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                  env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})
    try:
        wait_for("Apache answers", lambda: _answers(port))
        yield f"http://127.0.0.1:{port}/backuppc/index.cgi"
    finally:
        terminate(httpd)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()
    return True
