"""The device that a script trains on: the flag, what torch makes of it, and how many threads.

A script takes the flag by inheriting `DeviceArgs`, and asks for its device by `choose_device`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from gym_rated.checks import check_choice

if TYPE_CHECKING:
    import torch

DeviceName = Literal["auto", "cpu", "cuda"]


@dataclass
class DeviceArgs:
    """The flag about the device that agent and reward model are trained on."""

    device: DeviceName = "cpu"
    """what is trained on: the processor, which small networks are fastest on; a GPU (cuda); or a
    GPU if there is one (auto)"""


def choose_device(device: DeviceName) -> "torch.device":
    """Return the device that the flag asks for.

    Args:
        device: "cpu"; "cuda", torch's first GPU; or "auto", which takes that if there is one.

    Raises:
        ValueError: If it is none of these, or a GPU that torch does not find.

    Example:
        >>> choose_device("cpu")
        device(type='cpu')
    """
    import torch  # late: --help reads the flags, and needs none

    check_choice("device", device, get_args(DeviceName))
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            "`device` must be cpu or auto where torch finds no GPU, got cuda; what is installed is "
            f"torch {torch.__version__}"
        )
    return torch.device(device)


def use_one_thread() -> None:
    """Compute with one thread from now on, in torch and in the linear algebra of NumPy.

    Matrices of small networks are shared out in less time than threads need to find each other, and
    waiting threads keep processors busy that other runs would use. Nor do numbers depend on how
    many processors there are.
    """
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1, user_api="blas")


def check_device(args: Any) -> None:
    """Refuse a GPU that is not there, in arguments that have the flag; raises as `choose_device`.

    Args:
        args: Arguments of a script, with the flag or without.
    """
    if isinstance(args, DeviceArgs) and args.device != "cpu":  # which needs no torch to be asked
        choose_device(args.device)
