"""The flags that scripts and commands share, in groups: one dataclass for each.

A command takes the groups that it needs: `gym-rated fit` a `RewardModelArgs`, `rate-minari` a
`RaterArgs`, and a training script all of them, as `RunArgs`. No flag is in two groups.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from gym_rated.assembly.presets import Preset
from gym_rated.assembly.ranges import (
    Count,
    Limit,
    NotNegative,
    Positive,
    PositiveShare,
    Range,
    Share,
    Whole,
)
from gym_rated.assembly.words import EnvKwargs, Trackers
from gym_rated.choices import (
    Answers,
    BonusName,
    LimitRule,
    Offset,
    Reference,
    Scale,
    SegmentValue,
    Strategy,
    TargetForm,
    TaskName,
    WeightRule,
)
from gym_rated.human.clips.drawing import Quality
from gym_rated.method import OUR_TASKS, OURS

Reward = Literal["rated", "model", "true", "constant", "none", BonusName]
Explore = Literal["noise", BonusName]
ExploreUntil = Literal["ready", "trusted"]
Judge = Literal["synthetic", "human"]
Vectorization = Literal["sync", "async", "envpool"]


@dataclass
class TrainingArgs:
    """Flags about the run: its task, its length, and its folder."""

    env_id: str = "CartPole-v1"
    """the id of the environment"""
    total_timesteps: Count = 100_000
    """total timesteps of the experiment, summed over environments"""
    num_envs: Annotated[Count, Range(1, 100_000, is_whole=True)] = 1
    """the number of parallel game environments"""
    vectorization: Vectorization = "sync"
    """where they run: one after another in this process, each in a process of its own (async), or
    in the threads of EnvPool, which has environments of its own; a resumed run then begins new
    episodes"""
    env_kwargs: EnvKwargs = field(default_factory=dict)
    """arguments of the environment, as names and values: `action_repeat 2`"""
    seed: Whole = 1
    """seed of everything: agent, environments, rater, choice of segments, reward model"""
    run_dir: Path | None = None
    """folder of the run; runs/ENV_ID__SCRIPT__REWARD__SEED by default"""
    resume: Path | None = None
    """folder of a run to continue, with its own arguments; more --total-timesteps extend it"""
    capture_video: bool = False
    """whether to film every 50th episode of the first environment (needs rendering)"""
    tensorboard: bool = True
    """whether to write TensorBoard files beside metrics.jsonl"""
    track: Trackers = ()
    """who else gets what the run logs and makes: wandb, mlflow, or both; each needs its extra, and
    is set up by its client's own variables"""
    track_project: str | None = None
    """project of Weights & Biases, or experiment of MLflow; gym_rated if no variable says it"""
    save_model: bool = True
    """whether to save policy, reward model and ratings at the end"""
    checkpoint_every_s: Limit = 30.0
    """seconds between two checkpoints; there is one at the end in any case"""


@dataclass
class ObservationArgs:
    """Flags about what is learned from: images by agent and reward, or parts of observations."""

    features: str | None = None
    """what the reward is learned from: images themselves (pixels), or the numbers that a function
    of yours picks from an observation (module:function); by default all of a vector"""
    image_size: Count | None = None
    """height and width in pixels to which images are shrunk, for agent and reward"""
    gray: bool = False
    """whether images lose their colours"""
    frame_stack: Annotated[Count, Range(1, 100, is_whole=True)] = 1
    """how many of the last frames an image observation holds, so that motion is seen"""


@dataclass
class RewardArgs:
    """Flags about what the agent is paid, and what else its policy is moved by."""

    reward: Reward = "rated"
    """what the agent is paid: a reward learned from ratings as it trains, that of a saved model,
    the true one, 1 or 0 every step, or a bonus for new states (knn-entropy, rnd)"""
    reward_model: Path | None = None
    """folder of the saved model that `--reward model` pays"""
    explore: Explore = "knn-entropy"
    """what the agent does before the first fit: act at random, or learn from a bonus"""
    explore_until: ExploreUntil = "trusted"
    """until when a bonus is paid: the first fit (ready), or beside the learned reward too, the less
    the better that predicts new ratings (trusted)"""
    repel_coef: NotNegative = 0.0
    """how strongly the policy is pushed away from what was rated worst (RbRL-KL); 0 is not"""


@dataclass
class RaterArgs:
    """Flags about who rates, how much, and how well."""

    rater: Judge = "synthetic"
    """who rates: a formula that knows the true reward, or a person in the browser"""
    num_ratings: Count = 500
    """segments to ask about in all"""
    num_classes: Annotated[int, Range(2, is_whole=True)] = 5
    """the number of rating classes"""
    segment_length: tuple[Count, ...] = (10,)
    """steps of a segment, or several lengths to draw from; never more than half an episode"""
    answers: Answers = "ratings"
    """what the synthetic rater gives: classes, numbers in 0..1, pairs, some of each (mixed), or a
    class and a number for each segment (both)"""
    relative_to: Reference = "everything"
    """what the synthetic rater compares with: all it has seen, the round, or the best so far"""
    regrade: bool = False
    """whether the synthetic rater rates everything again as standards rise (a person does not)"""
    mistake_rate: Share = 0.0
    """probability that a synthetic rating is wrong"""
    slip_rate: Share = 0.0
    """probability that a synthetic rating is a neighbouring class"""
    score_noise: NotNegative = 0.0
    """what a synthetic score in 0..1 is off in the mean; with 10, scores say nothing"""
    skip_rate: Share = 0.0
    """probability that the synthetic rater cannot tell"""
    shuffle_ratings: bool = False
    """give the ratings to the wrong segments: the control that must not learn"""


@dataclass
class QueryArgs:
    """Flags about when is asked while the agent trains, and about which segments."""

    first_share: PositiveShare = 0.2
    """share of the segments to ask about at the first query"""
    query_rounds: Annotated[Whole, Range(0, 100_000, is_whole=True)] = 9
    """queries after the first, evenly spaced"""
    query_until: PositiveShare = 0.7
    """share of training by which the last query is made"""
    select: Strategy = "uniform"
    """which segments to ask about"""
    capacity: Count | None = None
    """steps of which segments can still be cut, summed over environments; 200000 by default, or
    four of the longest segments of each environment if that is more"""


@dataclass
class HumanArgs:
    """Flags about rating by hand, with `--rater human`, and about how training keeps in step."""

    instructions: str = "How well does the agent do its task?"
    """what people are asked to judge, in words"""
    class_names: tuple[str, ...] = ()
    """what each rating class means, worst first; plain words by default"""
    class_texts: tuple[str, ...] = ()
    """what tells a clip of each class, a sentence each: guidelines that a rater sees first"""
    max_lead: Limit = 50
    """segments that may be unanswered while training goes on: 0 waits for all, inf for none"""
    extra_steps: Whole = 0
    """timesteps to train on after the last answers"""
    rater_timeout_s: Limit = 3_600.0
    """seconds without any answer after which a run that waits gives up; it can be resumed"""
    rater_db: str | None = None
    """database of the ratings, a file or postgresql://…; ratings.db in the run folder by default"""
    rater_name: str = "me"
    """name on the ratings that are given on this machine"""
    rater_port: Annotated[int, Range(0, 65_535, is_whole=True)] = 0
    """port of the page; 0 takes a free one"""
    serve: bool = True
    """whether to serve the page; else `gym-rated rate` does"""
    open_browser: bool = False
    """whether to open the page in a browser"""
    overlap: Count = 1
    """how many people rate each segment"""
    clips: Literal["replay", "capture"] = "replay"
    """how clips come about: episodes are played again, or filmed as they happen (capture), for
    environments that do not repeat themselves; a resumed run then begins new episodes"""
    clip_size: Count = 480
    """longer side of the clips, in pixels"""
    clip_quality: Quality = "fast"
    """how clips are drawn: fast, or with smooth edges"""


@dataclass
class RewardModelArgs:
    """Flags about the reward model: its method, its network, and its fits."""

    preset: Preset = "ours"
    """a named method; it sets some of the other flags, and is printed at the start"""
    tasks: tuple[TaskName, ...] = OUR_TASKS
    """the tasks that the reward model is fitted to"""
    scale: Scale = OURS.scale
    """whether all ratings share one scale, or only those of one rater and round (group)"""
    weights: WeightRule = OURS.weights
    """how the tasks are weighed against each other"""
    target: TargetForm = OURS.target
    """what return a rating stands for, in the regression task"""
    limits: LimitRule = OURS.limits
    """where the class limits lie: at the shares of the classes, or as predictions fall"""
    segment_value: SegmentValue = OURS.segment_value
    """whether ratings judge a segment's sum of rewards or its mean"""
    trim: Annotated[float, Range(0, 1, below=True)] = OURS.trim
    """fraction of the pairs to leave out, those with the highest loss"""
    offset: Offset = OURS.offset
    """what is subtracted from the learned reward: nothing, that of the best step (then the end of
    an episode pays), or that of the worst (then going on does)"""
    num_members: Count = OURS.num_members
    """reward networks in the ensemble"""
    hidden_sizes: tuple[Count, ...] = OURS.hidden_sizes
    """hidden layers of a reward network"""
    squared_actions: bool = OURS.squared_actions
    """whether reward networks also see the squares of actions: what effort costs"""
    reward_learning_rate: Positive = OURS.learning_rate
    """the learning rate of the reward model"""
    weight_decay: NotNegative = OURS.weight_decay
    """how strongly the weights of the reward model shrink in each step; 0 is not"""
    reward_batch_size: Count = OURS.batch_size
    """ratings in a mini-batch of the reward model"""
    first_steps: Count = OURS.first_steps
    """gradient steps of the first fit"""
    later_steps: Count = OURS.later_steps
    """gradient steps of each later fit"""
    max_passes: Count | None = OURS.max_passes
    """most passes over the ratings in a fit, instead of a number of gradient steps"""
    stop_at_accuracy: Share | None = OURS.stop_at_accuracy
    """accuracy on the ratings at which a fit ends"""
    ood_coef: NotNegative = OURS.ood_coef
    """how strongly rewards of random states and actions are kept below rated ones (R4); 0 is not"""
