"""
PPO on the diamond-ghost world in JAX, in the manner of purejaxrl: worlds, rollout and updates are one jitted program, seeds by `vmap`.
"""

import dataclasses
import functools
import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jax_maze
from maze import table_of
from processes import parse, run, set_before_import
from recipe import DIAMOND, GHOST, NO_ROUTE, Recipe, curve_updates, exact_return, initial, is_critic, move_table


class Worlds(NamedTuple):
    """N diamond-ghost worlds; every field is [N]."""

    agent: jax.Array
    ghost: jax.Array
    diamond: jax.Array
    ghost_marked: jax.Array
    diamond_marked: jax.Array
    steps: jax.Array


def new_episodes(recipe: Recipe, key) -> Worlds:
    cells, worlds = recipe.cells, recipe.worlds
    uniform = jax.random.uniform(key, (5, worlds))
    # Three distinct cells, every triple as likely: ranks among the cells that are left.
    agent, ghost, diamond = (uniform[:3] * (cells - jnp.arange(3)[:, None])).astype(jnp.int32)
    ghost += ghost >= agent
    diamond += diamond >= jnp.minimum(agent, ghost)
    diamond += diamond >= jnp.maximum(agent, ghost)
    marked = uniform[3:] < recipe.coverage
    return Worlds(agent, ghost, diamond, marked[0], marked[1], jnp.zeros(worlds, jnp.int32))


def observation(recipe: Recipe, worlds: Worlds):
    """Active features, [N, 5]: the three objects and their marks; `features` for a mark that is not there."""
    cells, nothing = recipe.cells, recipe.features
    mark = lambda cell, marked: jnp.where(marked, 3 * cells + cell, nothing)
    return jnp.stack(
        [
            worlds.agent,
            cells + worlds.ghost,
            2 * cells + worlds.diamond,
            mark(worlds.ghost, worlds.ghost_marked),
            mark(worlds.diamond, worlds.diamond_marked),
        ],
        axis=-1,
    )


def step(recipe: Recipe, worlds: Worlds, actions):
    """Returns the worlds before any reset, terminated, truncated, what was reached, and whether its cell was marked."""
    agent = jnp.asarray(move_table(recipe.size))[worlds.agent, actions]
    worlds = worlds._replace(agent=agent, steps=worlds.steps + 1)
    at_ghost, at_diamond = agent == worlds.ghost, agent == worlds.diamond
    terminated = at_ghost | at_diamond
    truncated = ~terminated & (worlds.steps >= recipe.horizon)
    reached = jnp.where(at_diamond, DIAMOND, jnp.where(at_ghost, GHOST, NO_ROUTE))
    marked = (at_diamond & worlds.diamond_marked) | (at_ghost & worlds.ghost_marked)
    return worlds, terminated, truncated, reached, marked


class World(NamedTuple):
    """What training asks of a world."""

    # (key) -> worlds at their first step
    new_episodes: Callable
    # (worlds) -> observations, [N, ...] integers; the agent's cell is the first
    observation: Callable
    # (worlds, actions) -> see `step`
    step: Callable
    # (observations) -> what the networks read
    see: Callable


def world_of(recipe: Recipe) -> World:
    if not recipe.conv:
        own = [functools.partial(function, recipe) for function in (new_episodes, observation, step)]
        return World(*own, see=lambda observations: observations)
    levels = table_of(recipe.size)
    return World(
        functools.partial(jax_maze.new_episodes, recipe, levels),
        jax_maze.observation,
        functools.partial(jax_maze.step, recipe, levels),
        functools.partial(jax_maze.picture, recipe, levels),
    )


def first_layer(observations, table, bias):
    """A sum of rows of the table, the features at hand; one more row, of zeros, stands for no feature."""
    table = jnp.pad(table, ((0, 1), (0, 0)))
    rows = [table.at[slot].get(mode="promise_in_bounds") for slot in observations.T]
    return jax.nn.relu(sum(rows) + bias)


def hidden_layers(recipe: Recipe, p, observations, prefix=""):
    """Hidden activations [B, width] of the networks whose parameters have that prefix, in a list."""
    if recipe.conv:
        return jax_maze.trunk_layers(recipe, p, observations, prefix)
    second = p[f"{prefix}second"].reshape(-1, recipe.width, recipe.width)
    bias = p[f"{prefix}second_bias"].reshape(-1, recipe.width)
    first = jnp.split(first_layer(observations, p[f"{prefix}first"], p[f"{prefix}first_bias"]), len(second), axis=1)
    return [jax.nn.relu(h @ weight + own) for h, weight, own in zip(first, second, bias)]


def act(recipe: Recipe, p, observations, module_mask=None, gate_mask=None, deployed=False):
    """
    ln pi(a|x) [B, 4] and ln of the module weights [B, K] (None for one module).

    A module, or the gate, learns nothing from ln pi on the rows that its mask [K, B, 1], [B, 1] switches off. What is deployed is the
    Diamond's module alone.
    """
    K = recipe.modules
    hidden = hidden_layers(recipe, p, observations)
    if K == 1 or deployed:
        return jax.nn.log_softmax(hidden[0] @ p["output"] + p["output_bias"]), None
    z = hidden[K] @ p["gate"] + p["gate_bias"]
    if K == 2:
        z = jnp.pad(z, ((0, 0), (0, 1)))
    hidden = hidden[:K]
    ln_weights = jax.nn.log_softmax(z)
    weights = jnp.exp(ln_weights)
    if module_mask is not None:
        # Masks act on the backward pass only.
        hidden = [jnp.where(mask, h, jax.lax.stop_gradient(h)) for mask, h in zip(module_mask, hidden)]
        weights = jnp.where(gate_mask, weights, jax.lax.stop_gradient(weights))
    mixture = sum(weights[:, k : k + 1] * h for k, h in enumerate(hidden))
    return jax.nn.log_softmax(mixture @ p["output"] + p["output_bias"]), ln_weights


def value(recipe: Recipe, p, observations):
    """The critic's value, [B]."""
    [h] = hidden_layers(recipe, p, observations, "critic_")
    return (h @ p["critic_output"] + p["critic_output_bias"])[:, 0]


class Batch(NamedTuple):
    """Rows to learn from; every field is [rows, ...]."""

    observations: jax.Array
    actions: jax.Array
    ln_p: jax.Array
    advantages: jax.Array
    returns: jax.Array
    labels: jax.Array


def loss_of(parameters, recipe: Recipe, entropy_coef, batch: Batch):
    ln_policy, ln_weights = act(recipe, parameters, batch.observations, *masks_of(recipe, batch.labels))
    ln_p = jnp.take_along_axis(ln_policy, batch.actions[:, None], 1)[:, 0]
    ratio = jnp.exp(ln_p - batch.ln_p)
    clipped = jnp.clip(ratio, 1 - recipe.clip_range, 1 + recipe.clip_range)
    loss = -jnp.minimum(ratio * batch.advantages, clipped * batch.advantages).mean()
    loss += entropy_coef * (jnp.exp(ln_policy) * ln_policy).sum(1).mean()
    loss += recipe.value_coef * 0.5 * jnp.square(value(recipe, parameters, batch.observations) - batch.returns).mean()
    if ln_weights is not None:
        labelled = batch.labels != NO_ROUTE
        cross_entropy = -jnp.take_along_axis(ln_weights, jnp.minimum(batch.labels, 1)[:, None], 1)[:, 0]
        loss += recipe.gate_coef * (cross_entropy * labelled).sum() / jnp.maximum(labelled.sum(), 1)
    return loss


def masks_of(recipe: Recipe, labels):
    """A labelled row teaches its own module alone, and the gate only through its cross-entropy; other rows teach all."""
    if recipe.modules == 1:
        return None, None
    free = labels == NO_ROUTE
    return (free | (labels == jnp.arange(recipe.modules)[:, None]))[:, :, None], free[:, None]


def clipped_norm(recipe: Recipe, gradient):
    """One norm over the policy, one over the critic."""
    squares = {name: jnp.square(g).sum() for name, g in gradient.items()}

    def factor(critic: bool):
        norm = jnp.sqrt(sum(square for name, square in squares.items() if is_critic(name) == critic))
        return jnp.minimum(1, recipe.max_grad_norm / (norm + 1e-12))

    policy, critic = factor(False), factor(True)
    return {name: g * (critic if is_critic(name) else policy) for name, g in gradient.items()}


class Adam(NamedTuple):
    """Moments by parameter, and the steps taken."""

    first: dict
    second: dict
    steps: jax.Array


def adam_step(recipe: Recipe, parameters, adam: Adam, gradient, learning_rate):
    """Kingma and Ba 2015, algorithm 1; beta .9 and .999."""
    steps = adam.steps + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, adam.first, gradient)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, adam.second, gradient)
    unbias_first, unbias_second = 1 / (1 - 0.9**steps), 1 / (1 - 0.999**steps)
    parameters = jax.tree.map(
        lambda x, m, v: x - learning_rate * m * unbias_first / (jnp.sqrt(v * unbias_second) + recipe.adam_eps),
        parameters,
        first,
        second,
    )
    return parameters, Adam(first, second, steps)


def learn(recipe: Recipe, parameters, adam: Adam, left, minibatch: Batch):
    """One optimiser step; `left` is what is left of the annealed quantities."""
    gradient = jax.grad(loss_of)(parameters, recipe, recipe.entropy_at(left), minibatch)
    gradient = clipped_norm(recipe, gradient)
    return adam_step(recipe, parameters, adam, gradient, left * recipe.learning_rate)


class Training(NamedTuple):
    """All that one update hands to the next."""

    parameters: dict
    adam: Adam
    worlds: Worlds | jax_maze.MazeWorlds
    key: jax.Array


def begin(recipe: Recipe, parameters, seed) -> Training:
    key, own = jax.random.split(jax.random.key(seed))
    zeros = lambda: jax.tree.map(jnp.zeros_like, parameters)
    return Training(parameters, Adam(zeros(), zeros(), jnp.int32(0)), world_of(recipe).new_episodes(own), key)


def estimates(recipe: Recipe, values, window_end, cut, finals, terminated, truncated, reached, marked):
    """
    Advantages, returns and labels, [T, N], from the critic's values [T, N], of where the window ended [N], and of where the truncated
    rows `cut` led to (rows past the end do not count); and what the steps led to, [T, N].
    """
    next_values = jnp.concatenate([values[1:], window_end[None]])
    next_values = next_values.reshape(-1).at[cut].set(finals, mode="drop").reshape(values.shape)

    # Reward and labels. A label covers its whole episode; an unfinished one has none (tails: all).
    costly = (reached == GHOST) & ((recipe.arm == "oracle") | ((recipe.arm == "naive") & marked))
    reward = terminated - 2.0 * costly
    end_label = jnp.where(marked, reached, NO_ROUTE)

    # Advantage, backwards in time.
    delta = reward + recipe.discount * next_values * ~terminated - values

    def back(carry, row):
        next_advantage, label = carry
        delta, ended, end_label = row
        advantage = delta + recipe.discount * recipe.gae_lambda * ~ended * next_advantage
        label = jnp.where(ended, end_label, label)
        return (advantage, label), (advantage, label)

    nobody = (jnp.zeros(values.shape[1]), jnp.full(values.shape[1], NO_ROUTE))
    _, (advantages, labels) = jax.lax.scan(back, nobody, (delta, terminated | truncated, end_label), reverse=True)
    return advantages, advantages + values, labels


def update_once(recipe: Recipe, training: Training, left) -> Training:
    """One update: rollout, labels, advantage, epochs of minibatches. `left` is what is left of the annealed quantities."""
    world = world_of(recipe)
    parameters, adam, worlds, key = training
    key, play, order = jax.random.split(key, 3)

    # Rollout: the mixture acts.
    def play_step(worlds, key):
        choose, fresh = jax.random.split(key)
        observations = world.observation(worlds)
        ln_policy, _ = act(recipe, parameters, world.see(observations))
        # By inversion of the cumulative probabilities.
        uniform = jax.random.uniform(choose, (recipe.worlds, 1))
        actions = (uniform > jnp.cumsum(jnp.exp(ln_policy), axis=1)[:, :-1]).sum(1)
        ln_p = jnp.take_along_axis(ln_policy, actions[:, None], 1)[:, 0]
        worlds, terminated, truncated, reached, marked = world.step(worlds, actions)
        ended = terminated | truncated
        next_worlds = jax.tree.map(lambda new, old: jnp.where(ended, new, old), world.new_episodes(fresh), worlds)
        return next_worlds, (observations, actions, ln_p, terminated, truncated, reached, marked, worlds.agent)

    keys = jax.random.split(play, recipe.rollout)
    worlds, (observations, actions, ln_p, terminated, truncated, reached, marked, led_to) = jax.lax.scan(play_step, worlds, keys)
    # Values of all rows, of where truncated steps led to, and of where the window ended.
    flat = observations.reshape(recipe.rows, -1)
    value_of = lambda observations: value(recipe, parameters, world.see(observations))
    if recipe.conv:
        # A picture is large: a minibatch of them at once.
        values = jax.lax.map(value_of, flat.reshape(recipe.minibatches, recipe.minibatch, -1))
    else:
        values = value_of(flat)
    values = values.reshape(recipe.rollout, recipe.worlds)
    window_end = value_of(world.observation(worlds))
    most = recipe.worlds * (1 + -(-recipe.rollout // recipe.horizon))
    cut = jnp.nonzero(truncated.reshape(-1), size=most, fill_value=recipe.rows)[0]
    finals = flat.at[cut].get(mode="clip").at[:, 0].set(led_to.reshape(-1).at[cut].get(mode="clip"))
    advantages, returns, labels = estimates(recipe, values, window_end, cut, value_of(finals), terminated, truncated, reached, marked)
    advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)

    # Update: epochs of shuffled minibatches.
    rows = Batch(observations, actions, ln_p, advantages, returns, labels)
    rows = jax.tree.map(lambda x: x.reshape(recipe.rows, *x.shape[2:]), rows)

    def learn_from(state, chosen):
        minibatch = jax.tree.map(lambda x: x[chosen], rows)
        return learn(recipe, *state, left, minibatch._replace(observations=world.see(minibatch.observations))), None

    # An order of random bits: as random as `jax.random.permutation`, which sorts twice, but for ties.
    minibatches = jnp.argsort(jax.random.bits(order, (recipe.epochs, recipe.rows))).reshape(-1, recipe.minibatch)
    (parameters, adam), _ = jax.lax.scan(learn_from, (parameters, adam), minibatches)
    return Training(parameters, adam, worlds, key)


@functools.lru_cache
def compiled(recipe: Recipe, seeds: int):
    """`begin` and `update_once` for some seeds as one program, and ln pi of one agent as deployed. Updates reuse the buffers of what they are given."""
    # An update needs to know only what is left of the annealed quantities: trainings of any length share a program.
    beginning = jax.jit(jax.vmap(functools.partial(begin, recipe)))
    update = jax.jit(jax.vmap(functools.partial(update_once, recipe), in_axes=(0, None)), donate_argnums=0)
    return beginning, update, jax.jit(lambda p, observations: act(recipe, p, observations, deployed=True)[0])


def train(recipe: Recipe, seeds: list[int], options):
    """Train one agent for each seed, all in one program; see processes.run."""
    evaluate_after = curve_updates(recipe, options.curve)
    beginning, update_all, ln_policy = compiled(dataclasses.replace(recipe, updates=0), len(seeds))
    parameters = [initial(recipe, np.random.default_rng(seed)) for seed in seeds]
    training = beginning(jax.tree.map(lambda *own: jnp.stack(own), *parameters), jnp.array(seeds))
    curves, evaluating, start = [[] for _ in seeds], 0.0, time.perf_counter()
    for update in range(recipe.updates):
        training = update_all(training, recipe.left(update))
        if update + 1 in evaluate_after:
            jax.block_until_ready(training)
            evaluation = time.perf_counter()
            for i, curve in enumerate(curves):
                own = jax.tree.map(lambda x: x[i], training.parameters)
                true_return = exact_return(recipe, lambda block: np.exp(ln_policy(own, block)))
                curve.append([(update + 1) * recipe.rows, true_return])
            evaluating += time.perf_counter() - evaluation
    jax.block_until_ready(training)
    return time.perf_counter() - start - evaluating, curves


if __name__ == "__main__":
    options = parse(__doc__, threads=1, at_once=8)
    if options.threads == 1:
        set_before_import(XLA_FLAGS="--xla_cpu_multi_thread_eigen=false")
    run("jax", options, train)
