"""Measurements behind the numbers in README and docs; each module is a command."""
