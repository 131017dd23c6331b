"""The commands of `gym-rated`, one file each: a dataclass of flags, and what is done with them."""
