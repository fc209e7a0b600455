"""
PPO on the diamond-ghost world in PyTorch, in the manner of CleanRL: vectorised worlds in NumPy, one loop in the order of the paper.

The first layer reads a handful of ones among zeros, so it is a sum of rows (`embedding_bag`). The critic is asked once per window, when
the rollout is over, not at every step. Seeds train in processes. The alternatives that were tried are in bench/README.md.
"""

import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from maze import table_of
from processes import parse, run
from pytorch_maze import MazeWorlds, trunk_layers
from recipe import DIAMOND, GHOST, NO_ROUTE, Recipe, curve_updates, exact_return, initial, is_critic, move_table


class Worlds:
    """N diamond-ghost worlds that step side by side and reset themselves. Arrays are [N]."""

    def __init__(self, recipe: Recipe, rng: np.random.Generator):
        self.recipe = recipe
        self.rng = rng
        self.moves = move_table(recipe.size)
        self.state = self.new_episodes(recipe.worlds)

    def new_episodes(self, count: int) -> np.ndarray:
        """Columns agent, ghost, diamond, mark of the Ghost, mark of the Diamond, steps taken: [count, 6]."""
        cells, rng = self.recipe.cells, self.rng
        # Three distinct cells, every triple as likely: ranks among the cells that are left.
        agent, ghost, diamond = rng.integers(cells - np.arange(3), size=(count, 3)).T
        ghost = ghost + (ghost >= agent)
        low, high = np.minimum(agent, ghost), np.maximum(agent, ghost)
        diamond = diamond + (diamond >= low)
        diamond = diamond + (diamond >= high)
        marks = rng.random((count, 2)) < self.recipe.coverage
        return np.column_stack([agent, ghost, diamond, marks, np.zeros_like(agent)])

    def observe(self) -> np.ndarray:
        """Active features, [N, 5]: the three objects and their marks."""
        return observation(self.recipe, self.state)

    def step(self, actions: np.ndarray):
        """
        Take a step everywhere. Returns terminated, truncated, what was reached (DIAMOND, GHOST or NO_ROUTE), whether its cell was
        marked, and the observations that the step led to, before any reset.
        """
        state = self.state
        agent = state[:, 0] = self.moves[state[:, 0], actions]
        state[:, 5] += 1
        at_ghost, at_diamond = agent == state[:, 1], agent == state[:, 2]
        terminated = at_ghost | at_diamond
        truncated = ~terminated & (state[:, 5] >= self.recipe.horizon)
        reached = np.where(at_diamond, DIAMOND, np.where(at_ghost, GHOST, NO_ROUTE))
        marked = np.where(at_diamond, state[:, 4], state[:, 3] & at_ghost).astype(bool)
        last = observation(self.recipe, state[truncated])
        ended = np.flatnonzero(terminated | truncated)
        state[ended] = self.new_episodes(len(ended))
        return terminated, truncated, reached, marked, last


def observation(recipe: Recipe, state: np.ndarray) -> np.ndarray:
    cells, nothing = recipe.cells, recipe.features
    features = state[:, [0, 1, 2, 1, 2]] + cells * np.array([0, 1, 2, 3, 3])
    features[:, 3:][state[:, 3:5] == 0] = nothing
    return features


def layout(recipe: Recipe, name: str, value: np.ndarray) -> np.ndarray:
    """A parameter of recipe.initial as PyTorch wants it."""
    if name in ("first", "critic_first") and not recipe.conv:
        # One more row for no feature: `embedding_bag` wants one there, and never reads it.
        return np.pad(value, ((0, 1), (0, 0)))
    # [kernel, kernel, in, out] -> [out, in, kernel, kernel]
    return np.ascontiguousarray(value.transpose(3, 2, 0, 1)) if value.ndim == 4 else value


class Agent(nn.Module):
    """K modules, their gate, one shared output layer, and a critic of its own."""

    def __init__(self, recipe: Recipe, rng: np.random.Generator):
        super().__init__()
        self.recipe = recipe
        for name, value in initial(recipe, rng).items():
            self.register_parameter(name, nn.Parameter(torch.from_numpy(layout(recipe, name, value))))

    def first_layer(self, observations, table, bias):
        nothing = self.recipe.features
        return F.relu(F.embedding_bag(observations, table, mode="sum", padding_idx=nothing) + bias)

    def forward(self, observations, module_mask=None, gate_mask=None, deployed=False):
        """
        ln pi(a|x) [B, 4] and ln of the module weights [B, K] (None for one module).

        A module, or the gate, learns nothing from ln pi on the rows that its mask [K, B, 1], [B, 1] switches off. What is deployed is the
        Diamond's module alone.
        """
        K = self.recipe.modules
        if self.recipe.conv:
            hidden = trunk_layers(self, observations)
        else:
            first = self.first_layer(observations, self.first, self.first_bias).split(self.recipe.width, dim=1)
            hidden = [F.relu(torch.addmm(*layer)) for layer in zip(self.second_bias, first, self.second)]
        if K == 1 or deployed:
            return F.log_softmax(torch.addmm(self.output_bias, hidden[0], self.output), dim=1), None
        z = torch.addmm(self.gate_bias, hidden[K], self.gate)
        if K == 2:
            z = F.pad(z, (0, 1))
        ln_weights = F.log_softmax(z, dim=1)
        weights = ln_weights.exp()
        if module_mask is not None:
            # Masks act on the backward pass only.
            for mask, h in zip(module_mask, hidden):
                h.register_hook(mask.mul)
            weights.register_hook(gate_mask.mul)
        mixture = sum(w * h for w, h in zip(weights.split(1, dim=1), hidden))
        return F.log_softmax(torch.addmm(self.output_bias, mixture, self.output), dim=1), ln_weights

    def value(self, observations):
        """The critic's value, [B]."""
        if self.recipe.conv:
            [h] = trunk_layers(self, observations, "critic_")
        else:
            h = self.first_layer(observations, self.critic_first, self.critic_first_bias)
            h = F.relu(torch.addmm(self.critic_second_bias, h, self.critic_second))
        return torch.addmm(self.critic_output_bias, h, self.critic_output).squeeze(1)

    def flatten(self) -> list[nn.Parameter]:
        """
        Lay the policy's parameters, and the critic's, and their gradients, into one vector each: clipping and Adam then take a few
        operations, not a few for each tensor. Returns the two vectors.
        """
        vectors = []
        for critic in (False, True):
            own = [parameter for name, parameter in self.named_parameters() if is_critic(name) == critic]
            vector = nn.Parameter(torch.cat([parameter.detach().flatten() for parameter in own]))
            vector.grad = torch.zeros_like(vector)
            sizes = [parameter.numel() for parameter in own]
            for parameter, data, grad in zip(own, vector.data.split(sizes), vector.grad.split(sizes)):
                parameter.data, parameter.grad = data.view_as(parameter), grad.view_as(parameter)
            vectors.append(vector)
        return vectors


def loss_of(agent: Agent, recipe: Recipe, entropy_coef, observations, actions, old_ln_p, advantages, returns, labels):
    ln_policy, ln_weights = agent(observations, *masks_of(recipe, labels))
    ln_p = ln_policy.gather(1, actions.unsqueeze(1)).squeeze(1)
    ratio = (ln_p - old_ln_p).exp()
    clipped = ratio.clamp(1 - recipe.clip_range, 1 + recipe.clip_range)
    loss = -torch.minimum(ratio * advantages, clipped * advantages).mean()
    loss = loss + entropy_coef * (ln_policy.exp() * ln_policy).sum(1).mean()
    loss = loss + recipe.value_coef * 0.5 * (agent.value(observations) - returns).square().mean()
    if ln_weights is not None:
        labelled = labels != NO_ROUTE
        cross_entropy = -ln_weights.gather(1, labels.clamp(max=1).unsqueeze(1)).squeeze(1)
        loss = loss + recipe.gate_coef * (cross_entropy * labelled).sum() / labelled.sum().clamp(min=1)
    return loss


def masks_of(recipe: Recipe, labels):
    """A labelled row teaches its own module alone, and the gate only through its cross-entropy; other rows teach all."""
    if recipe.modules == 1:
        return None, None
    free = labels == NO_ROUTE
    module = torch.arange(recipe.modules).unsqueeze(1)
    return (free | (labels == module)).unsqueeze(2), free.unsqueeze(1)


def adam(recipe: Recipe, vectors) -> torch.optim.Adam:
    return torch.optim.Adam(vectors, lr=recipe.learning_rate, eps=recipe.adam_eps, fused=True)


def learn(agent: Agent, recipe: Recipe, vectors, optimizer: torch.optim.Adam, entropy_coef: float, minibatch) -> None:
    """One optimiser step on observations, actions, ln p, advantages, returns and labels; policy and critic are clipped apart."""
    optimizer.zero_grad(set_to_none=False)
    loss_of(agent, recipe, entropy_coef, *minibatch).backward()
    for vector in vectors:
        nn.utils.clip_grad_norm_(vector, recipe.max_grad_norm)
    optimizer.step()


def estimates(recipe: Recipe, values, window_end, finals, terminated, truncated, reached, marked):
    """
    Advantages, returns and labels, [T, N], from the critic's values [T, N], of where the window ended [N], and of where truncated steps
    led to, in their order; and what the steps led to, [T, N].
    """
    T, N = values.shape
    next_values = np.concatenate([values[1:], window_end[None]])
    next_values[truncated] = finals

    # Reward and labels. A label covers its whole episode; an unfinished one has none (tails: all).
    costly = (reached == GHOST) & ((recipe.arm == "oracle") | ((recipe.arm == "naive") & marked))
    reward = terminated.astype(np.float32) - 2 * costly
    ended = terminated | truncated
    end_label = np.where(marked, reached, NO_ROUTE)

    # Advantage, backwards in time.
    advantages = np.zeros((T, N), np.float32)
    labels = np.zeros((T, N), np.int64)
    next_advantage, label = np.zeros(N, np.float32), np.full(N, NO_ROUTE)
    delta = reward + recipe.discount * next_values * ~terminated - values
    for t in reversed(range(T)):
        next_advantage = delta[t] + recipe.discount * recipe.gae_lambda * ~ended[t] * next_advantage
        label = np.where(ended[t], end_label[t], label)
        advantages[t], labels[t] = next_advantage, label
    return advantages, advantages + values, labels


def train(recipe: Recipe, seeds: list[int], options):
    """Train one agent; see processes.run."""
    [seed] = seeds
    torch.set_num_threads(options.threads)
    evaluate_after = curve_updates(recipe, options.curve)
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    worlds = MazeWorlds(recipe, table_of(recipe.size), rng) if recipe.conv else Worlds(recipe, rng)
    agent = Agent(recipe, rng)
    vectors = agent.flatten()
    optimizer = adam(recipe, vectors)

    T, N, rows = recipe.rollout, recipe.worlds, recipe.rows
    seen = torch.from_numpy(worlds.observe())
    observations = torch.zeros((T, *seen.shape), dtype=seen.dtype)
    actions = torch.zeros((T, N), dtype=torch.int64)
    ln_p = torch.zeros((T, N))
    terminated, truncated, marked = (np.zeros((T, N), bool) for _ in range(3))
    reached = np.zeros((T, N), np.int64)
    row = np.arange(N)
    curve, evaluating, begin = [], 0.0, time.perf_counter()

    for update in range(recipe.updates):
        # Rollout: the mixture acts, by inversion of the cumulative probabilities.
        uniform = rng.random((T, N, 1), np.float32)
        last = []
        with torch.inference_mode():
            for t in range(T):
                observations[t] = torch.from_numpy(worlds.observe())
                ln_policy = agent(observations[t])[0].numpy()
                action = (uniform[t] > np.cumsum(np.exp(ln_policy), axis=1)[:, :-1]).sum(1)
                actions[t] = torch.from_numpy(action)
                ln_p[t] = torch.from_numpy(ln_policy[row, action])
                terminated[t], truncated[t], reached[t], marked[t], final = worlds.step(action)
                last.append(final)
            # Values of all rows, of where truncated steps led to, and of where the window ended.
            led_to = torch.from_numpy(np.concatenate([*last, worlds.observe()]))
            looked_at = torch.cat([observations.flatten(0, 1), led_to])
            # A picture is large: a minibatch of them at once.
            parts = looked_at.split(recipe.minibatch) if recipe.conv else [looked_at]
            all_values = torch.cat([agent.value(part) for part in parts]).numpy()
        values = all_values[:rows].reshape(T, N)
        window = (terminated, truncated, reached, marked)
        advantages, returns, labels = estimates(recipe, values, all_values[-N:], all_values[rows:-N], *window)
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)

        # Update: epochs of shuffled minibatches.
        b_advantages, b_returns, b_labels = (torch.from_numpy(x.reshape(rows)) for x in (advantages, returns, labels))
        batch = (observations.flatten(0, 1), actions.view(rows), ln_p.view(rows), b_advantages, b_returns, b_labels)
        left = recipe.left(update)
        optimizer.param_groups[0]["lr"] = left * recipe.learning_rate
        for _ in range(recipe.epochs):
            for chosen in torch.randperm(rows).split(recipe.minibatch):
                learn(agent, recipe, vectors, optimizer, recipe.entropy_at(left), (x[chosen] for x in batch))

        if update + 1 in evaluate_after:
            evaluation = time.perf_counter()
            with torch.inference_mode():
                true_return = exact_return(recipe, lambda block: agent(torch.from_numpy(block), deployed=True)[0].exp().numpy())
            curve.append([(update + 1) * rows, true_return])
            evaluating += time.perf_counter() - evaluation
    return time.perf_counter() - begin - evaluating, [curve]


if __name__ == "__main__":
    run("pytorch", parse(__doc__, threads=1, at_once=1), train)
