"""What agents need around a learned reward: Stable-Baselines3, replay, repulsion, saved policies.

Importing this package imports nothing: each is imported by its own name.
"""
