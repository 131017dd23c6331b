"""How long a lease stands, whatever becomes of the clock.

A lease ends at a time of the clock, which all processes share and somebody may set. Set forward,
it ends leases early: who answers all the same is told if another was faster. Set back, it would let
them stand for as long as it was set back. So one that ends later than any lease can is over.
"""

from typing import Any

from sqlalchemy import ColumnElement, and_

LONGEST_S = 120.0
"""The longest lease, in seconds."""
_AHEAD_S = LONGEST_S + 30  # small corrections of the clock end none


def check_lease(lease_s: float) -> float:
    """Return the length of a lease, else raise."""
    if not 0 <= lease_s <= LONGEST_S:
        raise ValueError(f"`lease_s` must lie in [0, {LONGEST_S:.0f}], got {lease_s}; renew it")
    return lease_s


def stands(expires_at: ColumnElement[float], now: Any) -> ColumnElement[bool]:
    """Select leases that are not over; `now` is a number or a parameter."""
    return and_(expires_at > now, expires_at - _AHEAD_S <= now)


def stands_at(expires_at: float, now: float) -> bool:
    """Return whether a lease is not over."""
    return now < expires_at <= now + _AHEAD_S
