"""A digest of a segment's steps, by which two segments of one name are told apart."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray


def digest_of(obs: NDArray[Any], actions: NDArray[Any]) -> str:
    """Return a digest of a segment's steps, as a dataset keeps them.

    Args:
        obs: Observations, uint8 or numbers that become float32, shape (T, ...).
        actions: Actions, shape (T, A).
    """
    digest = hashlib.sha256()
    for steps in (obs, actions):
        array = np.asarray(steps, np.uint8 if steps.dtype == np.uint8 else np.float32)
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
