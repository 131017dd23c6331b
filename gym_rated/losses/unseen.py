"""Keep the rewards of what nobody rated low: R4's conservative term (arXiv 2601.09236)."""

from torch import Tensor

from gym_rated.checks import check_number


def out_of_distribution_loss(
    rewards: Tensor, random_rewards: Tensor, coefficient: float = 0.1
) -> Tensor:
    """Keep rewards of what was never seen below those of what was rated (R4's conservative term).

    `coefficient (mean random_rewards - mean rewards)`, as in the authors' code, which adds it to
    the ranking loss on some tasks, with 1,024 random steps each time, and leaves it out when
    learning during training. It is linear in the rewards: without bounds on these it has no
    minimum.

    Args:
        rewards: Predicted rewards of the steps of rated segments, shape (*batch, N).
        random_rewards: Predicted rewards of observations and actions drawn uniformly from their
            ranges, shape (*batch, M).
        coefficient: Weight, at least 0; 0.1 in the authors' code.

    Returns:
        The loss, shape (*batch), in reward units; negative where rated steps are paid more.

    Raises:
        ValueError: If there are no steps, or the coefficient is negative.
    """
    if not rewards.shape[-1] or not random_rewards.shape[-1]:
        raise ValueError(
            "`rewards` and `random_rewards` must hold at least one step, got shapes "
            f"{tuple(rewards.shape)} and {tuple(random_rewards.shape)}"
        )
    if not check_number("coefficient", coefficient) >= 0:
        raise ValueError(f"`coefficient` must be at least 0, got {coefficient}")
    return coefficient * (random_rewards.mean(-1) - rewards.mean(-1))
