"""The server's side of key management: one key per client and purpose, replaced without a gap."""
