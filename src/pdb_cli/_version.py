"""The version, as a literal: reading it from package metadata costs 40 ms at start-up."""

__version__ = "0.1.0"
