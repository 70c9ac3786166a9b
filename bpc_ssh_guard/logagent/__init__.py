"""What a key with `Audit` gets: checkpoints of the command log and its lines, nothing else.

The guard answers by itself and starts no program. A request holds no path, only a nonce or a
number, and nothing is opened but the segments of the log the policy names.
"""
