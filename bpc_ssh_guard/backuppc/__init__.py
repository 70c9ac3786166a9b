"""BackupPC as it is installed on a server: its folders, accounts, settings, read and never run."""
