"""`python -m gym_rated COMMAND`: the command line, where `gym-rated` is not on the path."""

import sys

from gym_rated.cli import main

sys.exit(main())
