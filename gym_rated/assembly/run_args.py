"""All groups of flags that the training scripts share, as one dataclass."""

from dataclasses import dataclass

from gym_rated.assembly.groups import (
    HumanArgs,
    ObservationArgs,
    QueryArgs,
    RaterArgs,
    RewardArgs,
    RewardModelArgs,
    TrainingArgs,
)


@dataclass
class RunArgs(
    RewardModelArgs, HumanArgs, QueryArgs, RaterArgs, RewardArgs, ObservationArgs, TrainingArgs
):
    """The flags of all groups; the `Args` of a script add the agent's.

    Example:
        >>> from dataclasses import dataclass
        >>> from gym_rated.assembly.arguments import parse_args
        >>> @dataclass
        ... class Args(RunArgs):
        ...     learning_rate: float = 1e-3
        >>> args = parse_args(Args, ["--preset", "pairs", "--learning-rate", "0.01"])
        >>> args.tasks, args.learning_rate
        (('pairwise',), 0.01)
    """

    def __post_init__(self) -> None:
        """Know of no command line."""
        self.given: frozenset[str] | None = None
        """With `resume`, the flags on the command line that differ from those of the run; None
        where there was no command line: then those that differ from their defaults."""

    @property
    def captures_clips(self) -> bool:
        """Whether episodes are filmed as they happen."""
        return self.clips == "capture" and self.rater == "human" and self.reward == "rated"

    @property
    def trained_timesteps(self) -> int:
        """Steps that the agent is trained for; a script that goes by rollouts trains whole ones."""
        return self.total_timesteps

    def check_agent(self) -> None:
        """Refuse flags of a script's own that do not go together, with a ValueError."""
