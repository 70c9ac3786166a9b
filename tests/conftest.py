"""No property is a matter of time: a busy machine makes one example slow, and nothing wrong."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
