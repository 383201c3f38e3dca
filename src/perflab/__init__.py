"""A performance lab for Python concurrency: every claim an experiment, every verdict measured here."""

__version__ = "0.1.0"
