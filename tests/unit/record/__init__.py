"""The command log: its lines, its file under load and kill, its copy, its manual page."""
