"""A report for each of its readers: people at a terminal, a browser, programs, code scanners."""
