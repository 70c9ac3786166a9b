"""What surrounds the program that runs: environment, limits, priority, and how it is started."""
