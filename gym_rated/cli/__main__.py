"""`python -m gym_rated.cli COMMAND`: the command line, as `gym-rated COMMAND`."""

import sys

from gym_rated.cli import main

sys.exit(main())
