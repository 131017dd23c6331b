"""Stop a policy's training at a number that is not finite, before the policy learns from it."""

from collections.abc import Mapping
from math import isfinite

from torch import Tensor


def check_losses(total: Tensor, parts: Mapping[str, Tensor]) -> None:
    """Refuse a gradient step whose loss or gradient is not finite.

    Args:
        total: What is finite where all parts are, shape (): for one number the check is quick.
        parts: By tag, what it was made of; the error names the first that is not finite.

    Raises:
        FloatingPointError: If `total` is not finite.
    """
    if isfinite(total.item()):
        return
    found = {tag: part.item() for tag, part in parts.items()}
    bad = [f"`{tag}` = {x}" for tag, x in found.items() if not isfinite(x)] or [f"total {total}"]
    raise FloatingPointError(
        f"losses and gradients of the policy must be finite, got {', '.join(bad)}; the step was "
        "not taken: is a learning rate too high, or a reward or an observation too large?"
    )
