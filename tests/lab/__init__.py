"""Labs on loopback: real sshd, rsync, tar and BackupPC prove the guard as it is installed."""
