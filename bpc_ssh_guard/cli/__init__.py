"""The tools' command lines: arguments, terminal and JSON; one module per program."""
