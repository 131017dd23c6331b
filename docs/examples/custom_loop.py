"""A loop of one's own: REINFORCE on CartPole, with a fit of the reward between rollouts."""

import gymnasium as gym
import numpy as np
import torch

import gym_rated
import gym_rated.vector


def stays_up(segment):
    """Rate a segment 1 if it did not end in a fall; this needs no reward."""
    return int(len(segment.obs) == 20)


def train(num_rollouts=60, num_steps=64, num_envs=8, num_ratings=100, seed=1):
    """Train a linear policy; returns handles on the stack, and the last true returns."""
    torch.manual_seed(seed)
    envs = gym.make_vec("CartPole-v1", num_envs, "sync")
    envs = statistics = gym.wrappers.vector.RecordEpisodeStatistics(envs)
    total = num_rollouts * num_steps * num_envs
    envs = feedback = gym_rated.vector.RatingFeedbackWrapper(
        envs,
        gym_rated.CallableRater(stays_up, num_classes=2),
        segment_length=20,
        schedule=gym_rated.query_schedule(num_ratings, total, start=num_steps * num_envs),
        seed=seed,
    )
    learner = gym_rated.learner_for_spaces(
        envs.single_observation_space,
        envs.single_action_space,
        num_classes=2,
        segment_length=20,
        loss={"scale": "shared"},  # the rule never changes; a person does: leave it out
        seed=seed,
    )
    envs = gym_rated.vector.LearnedRewardWrapper(envs, learner.model.predict)
    policy = torch.nn.Linear(4, 2)
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.05)

    fitted, was_done = 0, np.zeros(num_envs, bool)
    obs, _ = envs.reset(seed=seed)
    for _ in range(num_rollouts):
        log_probs, rewards, dones, valid = [], [], [], []
        for _ in range(num_steps):
            choice = torch.distributions.Categorical(logits=policy(torch.as_tensor(obs)))
            actions = choice.sample()
            obs, reward, terminated, truncated, _ = envs.step(actions.numpy())
            log_probs.append(choice.log_prob(actions))
            valid.append(~was_done)  # next-step autoreset: the step after an end is a reset
            was_done = terminated | truncated
            rewards.append(reward)
            dones.append(was_done)
        # Between rollouts: all that ratings add to a loop.
        feedback.collect()
        if feedback.ratings.num_changes > fitted:
            fitted = feedback.ratings.num_changes
            learner.fit(feedback.ratings)
        improve(optimizer, torch.stack(log_probs), np.array(rewards), np.array(dones), valid)

    true = np.mean(list(statistics.return_queue)[-20:])
    print(f"{len(feedback.ratings)} ratings, true return {true:.1f}")
    return feedback, learner.model, true


def improve(optimizer, log_probs, rewards, dones, valid, gamma=0.97):
    """One step up the policy gradient; everything has shape (T, N)."""
    returns, later = np.zeros_like(rewards), np.zeros(rewards.shape[1])
    for t in reversed(range(len(rewards))):
        returns[t] = later = rewards[t] + gamma * later * ~dones[t]
    mask = torch.as_tensor(np.array(valid))
    goodness = torch.as_tensor((returns - returns.mean()) / (returns.std() + 1e-8))
    optimizer.zero_grad()
    (-log_probs * goodness)[mask].mean().backward()
    optimizer.step()


if __name__ == "__main__":
    train()
