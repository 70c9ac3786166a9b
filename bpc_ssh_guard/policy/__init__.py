"""The policy: read safely, understood with file:line, and the decision it gives on a command."""
