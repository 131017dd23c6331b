"""Environments by id, and what makes one fit for ratings.

Importing this package imports nothing: `registration` names the rest by text.
"""
