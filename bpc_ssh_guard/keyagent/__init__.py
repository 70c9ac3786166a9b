"""What a key with `Rotate` gets: the keys of its labels replaced, nothing else.

Every line of authorized_keys is composed here from the policy; the request brings a label, a
generation and a bare key. A key is confirmed and retired only after a proof that it, or its
successor, has logged in, so no request can lock anybody out.
"""
