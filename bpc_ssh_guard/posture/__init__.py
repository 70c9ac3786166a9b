"""The BackupPC server held against BackupPC's own security FAQ: read only, unless told to fix."""
