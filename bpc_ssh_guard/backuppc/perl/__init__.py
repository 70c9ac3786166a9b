"""Reads BackupPC's configuration files, which are Perl programs, as data and never runs them."""
