"""Flags and presets of the scripts, and what is made of them.

Importing this package imports nothing: each part is imported by its own name.
"""
