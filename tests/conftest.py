"""What every test shares: one thread, and the repository's own paths."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
