"""How long the properties search: moderate and the same each time, or for about ten minutes.

`HYPOTHESIS_PROFILE=long pytest tests/properties` is the long search, with new inputs each time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_FACTORS = {"quick": 1, "long": 25}
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "quick")
FACTOR = _FACTORS[PROFILE]


def examples(count: int) -> settings:
    """Return the settings of a property that COUNT examples show in the moderate search."""
    return settings(
        max_examples=count * FACTOR,
        deadline=None,  # no test of ours is a matter of time
        database=None,  # nothing is written outside temporary folders
        derandomize=PROFILE == "quick",
        print_blob=True,
        suppress_health_check=(
            HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much,
            HealthCheck.function_scoped_fixture,
        ),
    )  # fmt: skip
