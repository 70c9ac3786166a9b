"""Readers of what the checks look at beside BackupPC's settings; they judge nothing."""
