"""A client's first keys, brought there by its admin's own login: looked at first, then done.

Each step looks whether it is done already, so a run that was killed is ended by the next one.
"""
