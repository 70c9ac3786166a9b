"""Questions to the running server and its clients: read only, and asked only when told to."""
