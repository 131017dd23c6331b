"""Images in the scripts: flags and their errors, the agent that sees them, and resumed runs."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np
import ppo
import ppo_continuous_action
import pytest
import torch
from envs import DotEnv
from killed_runs import rows

from gym_rated import ConvRewardEnsemble, RatingDataset
from gym_rated.assembly.arguments import parse_args
from gym_rated.checkpoint import load_state, save_state
from gym_rated.cli import main
from gym_rated.cli.commands.film import play
from gym_rated.runs import read_metrics, read_result

pytestmark = pytest.mark.filterwarnings("ignore:round .* has fewer than two rating classes")

SCREEN = "tests/Screen-v0"
SHORT: dict[str, Any] = {
    "env_id": SCREEN,
    "total_timesteps": 192,
    "num_envs": 2,
    "num_steps": 16,
    "update_epochs": 2,
    "num_minibatches": 2,
    "num_ratings": 12,
    "segment_length": (4,),
    "first_steps": 3,
    "later_steps": 2,
    "num_members": 2,
    "hidden_sizes": (8,),
    "tensorboard": False,
    "features": "pixels",
    "image_size": 6,
}


@pytest.fixture(autouse=True)
def asked_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask in the first steps of a run, where scripts would wait for two thousand."""
    monkeypatch.setattr(ppo.parts, "make_schedule", lambda *args: {64: 8, 128: 4})


@pytest.fixture
def picking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module of a user's in the folder that is worked in, with features of images."""
    (tmp_path / "picking.py").write_text(
        "import numpy as np\n"
        "def column(obs): return [np.unravel_index(obs.argmax(), obs.shape)[1] / 11]\n"
        "def broken(obs): return obs['camera']\n"
        "def matrix(obs): return obs[..., 0]\n"
        "number = 3\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    sys.modules.pop("picking", None)


REFUSED = {
    "": "`--features` must be given where observations are images, pixels to learn the reward from "
    "the image itself, or module:function to learn it from numbers that a function of yours picks "
    "from it, got none for Box(0, 255, (12, 12, 1), uint8) in tests/Screen-v0; add --features pixe",
    "--reward knn-entropy": "`--features` must be given where observations are images",
    "--features pixels --env-id CartPole-v1": "`--features` must be pixels only where observations "
    "are images, a Box of uint8 of shape (H, W) or (H, W, C), got pixels for Box(",
    "--image-size 6 --env-id CartPole-v1": "`--image-size` must be left out unless observations are"
    " images",
    "--features pixels --image-size 13": "`--image-size` must be at most 12",
    "--features nowhere:f": "`--features` must name a module that can be imported, got 'nowhere:f'",
    "--features picking:nothing": "`--features` must name a function of picking, got 'picking:noth",
    "--features picking:number": "`--features` must name a function, got 'picking:number', which i",
    "--features picking:broken": "`--features` must map an observation of Box(0, 255, (12, 12, 1),"
    " uint8) to a vector, got 'picking:broken', which raises IndexError",
    "--features picking:matrix": "`--features` must return a vector of shape (D,), got shape (12, ",
    "--features pixels --capacity 100000000000": "`--capacity` must fit into the",
}


@pytest.mark.usefixtures("picking")
@pytest.mark.parametrize("words", REFUSED)
def test_images_and_flags_that_do_not_go_together_are_refused_before_any_work(
    words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    all_words = ["--env-id", SCREEN, *words.split(), "--run-dir", str(tmp_path / "run")]
    args = parse_args(ppo.Args, all_words)
    assert ppo.session.run(ppo.train, args, ppo.SCRIPT) == 2
    assert REFUSED[words] in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_reward_is_learned_from_what_the_agent_sees(tmp_path: Path) -> None:
    run = tmp_path / "run"
    ppo.train(ppo.Args(**SHORT | {"frame_stack": 2}, run_dir=run))
    assert read_result(run)["num_ratings"] == 12
    (segment, *_) = RatingDataset.load(run / "ratings" / "ratings.npz").segments()
    assert segment.obs.dtype == np.uint8
    assert segment.obs.shape == (4, 6 * 6 * 2)
    model = ConvRewardEnsemble.load(run / "reward_model")
    assert (model.image_shape, model.num_members, model.hidden_size) == ((6, 6, 2), 2, 8)
    flags = SHORT | {"reward": "model", "reward_model": run / "reward_model"}
    with pytest.raises(ValueError, match="`reward_model` must be of observations with 36 numbers "):
        ppo.Trainer(ppo.Args(**flags), tmp_path)
    trainer = ppo.Trainer(ppo.Args(**flags | {"frame_stack": 2}), tmp_path)
    seen = trainer.next_obs
    rewards = trainer.stack.learned.step(np.array([0, 2]))[1]
    expected = model.predict(seen.reshape(2, -1), np.eye(3, dtype=np.float32)[[0, 2]])
    assert rewards == pytest.approx(expected, abs=1e-6)


@pytest.mark.usefixtures("picking")
def test_the_reward_is_learned_from_what_a_function_picks(tmp_path: Path) -> None:
    run = tmp_path / "run"
    trainer = ppo.Trainer(ppo.Args(**SHORT | {"features": "picking:column"}), run)
    assert trainer.next_obs.shape == (2, 6, 6, 1)
    assert trainer.stack.model.obs_dim == 1
    ppo.train(ppo.Args(**SHORT | {"features": "picking:column"}, run_dir=run))
    assert RatingDataset.load(run / "ratings" / "ratings.npz").obs_dim == 1


@pytest.mark.parametrize("reward", ["true", "constant", "none", "knn-entropy", "rnd"])
def test_every_arm_trains_on_images(tmp_path: Path, reward: str) -> None:
    blind = {"features": None} if reward in ("true", "constant", "none") else {}
    ppo.train(
        ppo.Args(
            **SHORT | blind | {"total_timesteps": 64, "reward": reward}, run_dir=tmp_path / "run"
        )
    )
    assert read_result(tmp_path / "run")["global_step"] == 64
    assert "losses/policy_loss" in read_metrics(tmp_path / "run")


def test_policy_and_value_share_an_encoder_that_learns(tmp_path: Path) -> None:
    trainer = ppo.Trainer(ppo.Args(**SHORT | {"reward": "true"}), tmp_path)
    agent, batch = trainer.agent, trainer.next_obs
    assert batch.dtype == trainer.rollout.obs.dtype == np.uint8
    pixels = agent.encoder[0](torch.from_numpy(batch))
    assert pixels.shape == (2, 1, 6, 6)
    assert pixels[1, 0].numpy() == pytest.approx(batch[1, :, :, 0] / 255)
    before = agent.encoder[1].weight.clone()
    seen = agent.encode(torch.from_numpy(batch))
    assert seen.shape == (2, ppo.IMAGE_DIM)
    (agent.get_value(seen).sum() + agent.actor(seen)[:, 0].sum()).backward()
    trainer.optimizer.step()
    assert not torch.equal(agent.encoder[1].weight, before)


def test_images_are_encoded_in_parts_to_the_same_numbers(tmp_path: Path) -> None:
    agent = ppo.Trainer(ppo.Args(**SHORT | {"reward": "true"}), tmp_path).agent
    images = torch.randint(0, 256, (1_030, 6, 6, 1), dtype=torch.uint8)
    with torch.no_grad():
        found = agent.encode(images)
        assert torch.allclose(found[1_020:], agent.encoder(images[1_020:]), atol=1e-5)


def test_vectors_have_no_encoder(tmp_path: Path) -> None:
    for script, env_id in ((ppo, "CartPole-v1"), (ppo_continuous_action, "Pendulum-v1")):
        args = script.Args(env_id=env_id, num_envs=2, num_steps=8, reward="true")
        agent = script.Trainer(args, tmp_path).agent
        assert not [name for name in agent.state_dict() if name.startswith("encoder")]
        obs = torch.ones(2, 3)
        assert agent.encode(obs) is obs


@pytest.mark.parametrize("script", [ppo, ppo_continuous_action])
def test_a_trainer_of_images_goes_on_from_its_state_bit_for_bit(
    tmp_path: Path, script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = SHORT | {"frame_stack": 2, "repel_coef": 0.1}
    if script is ppo_continuous_action:
        flags |= {"env_id": register_pulled(monkeypatch)}
    first, second = (script.Trainer(script.Args(**flags), tmp_path) for _ in range(2))
    for _ in range(3):
        go_on(first)
    assert first.stack.model.ready
    save_state(tmp_path / "state", first.state_dict())
    go_on(first)
    second.load_state_dict(load_state(tmp_path / "state"))
    go_on(second)
    policies = [trainer.policy() for trainer in (first, second)]
    assert policies[0].keys() == policies[1].keys()
    for name, tensor in policies[0].items():
        assert torch.equal(tensor, policies[1][name]), name
    assert (first.next_obs == second.next_obs).all()


class Silent:
    """Logs nothing."""

    def log(self, *args: Any) -> None:
        pass


def go_on(trainer: Any) -> None:
    """Do what an iteration of a training loop does."""
    trainer.collect_rollout(Silent())
    trainer.fit_reward(Silent())
    trainer.update_policy(trainer.make_batch())
    trainer.iteration += 1


class Pulled(DotEnv):
    """The dot is pulled to the left or to the right."""

    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def step(self, action: Any) -> Any:
        return super().step(1 + int(np.sign(action[0])))


def register_pulled(monkeypatch: pytest.MonkeyPatch) -> str:
    name = "tests/PulledScreen-v0"
    spec = gym.envs.registration.EnvSpec(name, Pulled, disable_env_checker=True)
    monkeypatch.setitem(gym.registry, name, spec)
    return name


def test_a_run_goes_on_with_its_images_without_being_told_again(tmp_path: Path) -> None:
    run = tmp_path / "run"
    ppo.train(ppo.Args(**SHORT | {"gray": True}, run_dir=run))
    words = ["--resume", str(run), "--total-timesteps", "256"]
    ppo.train(parse_args(ppo.Args, words))
    assert read_result(run)["global_step"] == 256
    with pytest.raises(ValueError, match="`image_size` must be 6, got 5"):
        parse_args(ppo.Args, [*words, "--image-size", "5"])


def test_a_policy_plays_with_the_images_of_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`gym-rated film` finds out how a run changed its images."""
    shapes = []

    def remember(env: gym.Env, policy: Any, seed: int, rng: Any) -> float:
        shapes.append(env.reset(seed=seed)[0].shape)
        return play(env, policy, seed, rng)

    run = tmp_path / "run"
    ppo.train(ppo.Args(**SHORT | {"frame_stack": 3, "total_timesteps": 64}, run_dir=run))
    monkeypatch.setattr("gym_rated.cli.commands.film.play", remember)
    monkeypatch.setattr("gym_rated.cli.commands.film.ensure_rendering", lambda env_id: None)
    monkeypatch.setattr("gym_rated.cli.commands.film.make_env", lambda *a, **k: DrawnScreen())
    assert main(["film", str(run), "--episodes", "1"]) == 0
    assert shapes == [(6, 6, 3)]
    assert list((run / "videos" / "policy").glob("*.mp4"))


class DrawnScreen(DotEnv):
    """One that can be drawn."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012
    render_mode = "rgb_array"

    def render(self) -> np.ndarray:
        return np.kron(self.picture(self.column), np.ones((4, 4, 3), np.uint8))


class Killed(BaseException):
    """What nobody catches."""


# its import crashes where the warnings of SWIG are errors
@pytest.mark.filterwarnings("ignore:builtin type", "ignore::DeprecationWarning")
@pytest.mark.slow
def test_car_racing_is_trained_from_pixels_resumed_and_filmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("Box2D")
    flags = SHORT | {
        "env_id": "CarRacing-v3",
        "env_kwargs": {"continuous": False, "max_episode_steps": 100},
        "total_timesteps": 320,
        "image_size": 24,
        "gray": True,
        "frame_stack": 2,
        "capacity": 1_000,
    }
    whole, killed, parallel = (tmp_path / name for name in ("whole", "killed", "parallel"))
    ppo.train(ppo.Args(**flags, capture_video=True, run_dir=whole))
    result = read_result(whole)
    assert result["learned"]
    assert result["num_ratings"] == 12
    assert -60 < result["score"] < 60
    assert list((whole / "videos").glob("*.mp4"))

    with monkeypatch.context() as patch:
        patch.setattr(ppo, "save_state", dying(ppo.save_state, at=6))
        with pytest.raises(Killed):
            ppo.train(ppo.Args(**flags, checkpoint_every_s=0, run_dir=killed))
    assert not (killed / "result.json").exists()
    ppo.train(parse_args(ppo.Args, ["--resume", str(killed)]))
    ppo.train(ppo.Args(**flags, vectorization="async", run_dir=parallel))
    for other in (killed, parallel):
        assert rows(other) == rows(whole)
        policies = [(run / "policy.safetensors").read_bytes() for run in (other, whole)]
        assert policies[0] == policies[1]

    assert main(["film", str(killed), "--episodes", "1"]) == 0
    assert "1 episodes with true returns" in capsys.readouterr().out
    assert list((killed / "videos" / "policy").glob("*.mp4"))
    film = tmp_path / "film.webp"
    runs = [str(whole), str(killed)]
    assert main(["film", *runs, "--side-by-side", str(film), "--seconds", "1"]) == 0
    assert film.exists()


def dying(function: Any, at: int) -> Any:
    """Let the call number `at` of a function be the last thing that happens."""
    calls = []

    def call(*args: Any) -> None:
        function(*args)
        calls.append(args)
        if len(calls) == at:
            raise Killed

    return call
