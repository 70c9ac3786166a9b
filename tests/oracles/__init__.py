"""What the guard's reading of a command is held against: Lark, dash, bash, rsync, tar, a README."""
