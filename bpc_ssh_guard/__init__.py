"""Let BackupPC's ssh key run rsync and tar backups and restores, and nothing else."""

__version__ = "0.1.0"
