"""The CGI interface: who may run it, who gets in by it, and what an owner of a host may edit.

Being written by the lead since 03:08: the checks CGI-01 to CGI-08 with their planted faults.
"""
