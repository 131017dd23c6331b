"""A script computes with one thread, whatever the machine has and NumPy was loaded with."""

import os
import subprocess
import sys

CODE = """
import numpy as np
import torch
from threadpoolctl import threadpool_info
from gym_rated.assembly.devices import use_one_thread

np.ones((2, 2)) @ np.ones((2, 2))

def threads():
    return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}

before = threads()
use_one_thread()
print(before, threads(), torch.get_num_threads())
"""


def test_numpy_and_torch_are_left_with_one_thread():
    unset = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}
    environ = {name: value for name, value in os.environ.items() if name not in unset}
    environ["OPENBLAS_NUM_THREADS"] = "2"  # also where the machine has one processor
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["{2}", "{1}", "1"]
