"""The configuration that `init` leaves to be filled in: every line of it is a comment."""

from __future__ import annotations

from typing import Final

TEMPLATE: Final = """\
# The hosts whose keys bpc-ssh-keys keeps; bpc-ssh-keys.conf(5) explains every word.
# Nothing here is in force until the # before it is taken away.

#[paths]
#backuppc = "/var/lib/backuppc"

#[defaults]
#from = "192.0.2.7"
#max_age = "90d"
#warn_age = "75d"

# One table for each client, by the name that BackupPC knows it by. Its admin reads the fingerprint
# on its console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub

#[host.web1]
#address = "192.0.2.20"
#fingerprint = "SHA256:Fh6uo7v0XnzkpXeXVDfzHUFVWLsDhTA3JJ2Rs8zYwnE"
"""
