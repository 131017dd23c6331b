"""The page to rate on: a small HTTP server between a browser and the store.

It runs in a process of its own (`python -m gym_rated.human.app --db URL`), so a busy trainer never
freezes the page, and it keeps nothing in memory that matters: kill it, start it, go on rating.
"""
