"""When to ask for ratings, and how many."""

import numpy as np

from gym_rated.checks import whole_number


def query_schedule(
    num_ratings: int,
    total_timesteps: int,
    first: float = 0.2,
    rounds: int = 9,
    until: float = 0.7,
    start: int = 2_048,
) -> dict[int, int]:
    """Spread a budget of ratings over training.

    A share of the budget is asked for at `start`, to have a reward early; the rest in equal
    rounds, because the policy visits new behaviour all along (published code spends all of it in
    the first 8 % of training).

    Args:
        num_ratings: Segments to ask about in all, at least 1.
        total_timesteps: Length of training in environment steps, summed over sub-environments.
        first: Share of the budget asked for at `start`, in (0, 1].
        rounds: Number of rounds after the first, evenly spaced, at least 0.
        until: Share of training by which the last round is asked, in (0, 1].
        start: Environment step of the first query, at least 1.

    Returns:
        Environment step -> segments to ask for at it; the values sum to `num_ratings`.

    Raises:
        TypeError: If a number is no int.
        ValueError: If a value is out of range, or training ends before the first query.

    Example:
        >>> query_schedule(100, 100_000, rounds=2)
        {2048: 20, 36024: 40, 70000: 40}
    """
    num_ratings = whole_number("num_ratings", num_ratings)
    rounds = whole_number("rounds", rounds, minimum=0)
    start = whole_number("start", start)
    for name, share in (("first", first), ("until", until)):
        if not 0 < share <= 1:
            raise ValueError(f"`{name}` must lie in (0, 1], got {share}")
    end = round(until * total_timesteps)
    if start > end:
        raise ValueError(
            f"`start` must not come after `until` * `total_timesteps` = {end}, got {start}; "
            "train for longer or ask earlier"
        )
    up_front = num_ratings if rounds == 0 else min(num_ratings, max(1, round(first * num_ratings)))
    steps = np.linspace(start, end, rounds + 1).round().astype(int)
    shares = np.diff(np.linspace(0, num_ratings - up_front, rounds + 1).round().astype(int))
    schedule = {start: up_front}
    for step, share in zip(steps[1:].tolist(), shares.tolist(), strict=True):
        if share:
            schedule[step] = schedule.get(step, 0) + share
    return schedule
