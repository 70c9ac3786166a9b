"""The installed forms: launchers with their tree, single-file bundles, wheel and sdist."""
