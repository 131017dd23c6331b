"""What every test shares: one thread, and the repository's own paths."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

# With two of them, collecting them for doctests takes one for the other.
collect_ignore = ["conftest.py", "browser/conftest.py"]
