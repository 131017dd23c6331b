"""The flag about the device, and what torch makes of it."""

from dataclasses import dataclass

import pytest
import torch

from gym_rated.assembly.arguments import RunArgs, parse_args
from gym_rated.assembly.devices import DeviceArgs, check_device, choose_device


@dataclass
class Args(DeviceArgs, RunArgs):
    """Flags of a script that trains where it is told."""


@pytest.mark.parametrize(
    ("device", "gpu", "chosen"),
    [
        ("cpu", True, "cpu"),
        ("cpu", False, "cpu"),
        ("auto", True, "cuda"),
        ("auto", False, "cpu"),
        ("cuda", True, "cuda"),
    ],
)
def test_auto_takes_the_gpu_if_there_is_one(
    device: str, gpu: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert choose_device(device) == torch.device(chosen)


def test_gpu_that_is_not_there_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    rule = "`device` must be cpu or auto where torch finds no GPU, got cuda; what is installed is"
    with pytest.raises(ValueError, match=rf"{rule} torch \d"):
        parse_args(Args, ["--device", "cuda"])
    check_device(RunArgs())  # a script without the flag has nothing to be refused
    assert parse_args(Args, ["--device", "auto"]).device == "auto"
    assert parse_args(Args, []).device == "cpu"


def test_device_of_no_known_name_is_refused() -> None:
    with pytest.raises(ValueError, match="`device` must be one of auto, cpu, cuda, got 'tpu'"):
        choose_device("tpu")
