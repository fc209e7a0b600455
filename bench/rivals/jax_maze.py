"""The maze world, and networks with a convolutional trunk, in JAX, for jax_ppo.py."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from maze import Levels, padded
from recipe import DIAMOND, GHOST, NO_ROUTE, Recipe, move_table


class MazeWorlds(NamedTuple):
    """N mazes; every field is [N]."""

    agent: jax.Array
    level: jax.Array
    ghost_marked: jax.Array
    diamond_marked: jax.Array
    steps: jax.Array


def new_episodes(recipe: Recipe, levels: Levels, key) -> MazeWorlds:
    pick, look = jax.random.split(key)
    level = jax.random.randint(pick, (recipe.worlds,), 0, len(levels.start))
    marked = jax.random.uniform(look, (2, recipe.worlds)) < recipe.coverage
    start = jnp.asarray(levels.start, jnp.int32)[level]
    return MazeWorlds(start, level, marked[0], marked[1], jnp.zeros(recipe.worlds, jnp.int32))


def observation(worlds: MazeWorlds):
    """What a picture is made of, [N, 4]."""
    return jnp.stack([x.astype(jnp.int32) for x in worlds[:4]], axis=-1)


def picture(recipe: Recipe, levels: Levels, observations):
    """Observations [B, 4] -> [B, view, view, planes]: Ghost, Diamond, floor and marks around the agent."""
    size, view = recipe.size, recipe.view
    agent, level, *marked = observations.T
    row, column = agent // size, agent % size
    table = jnp.asarray(padded(levels))
    window = lambda *corner: jax.lax.dynamic_slice(table, corner, (1, view, view))[0]
    floor = jax.vmap(window)(level, row, column)

    def place(cells):
        """Where an object is, [B, view, view]."""
        cell = jnp.asarray(cells, jnp.int32)[level]
        y, x = cell // size - row + size - 1, cell % size - column + size - 1
        return jnp.arange(view * view).reshape(view, view) == (y * view + x)[:, None, None]

    ghost, diamond = place(levels.ghost), place(levels.diamond)
    marks = [there & (mark == 1)[:, None, None] for there, mark in zip((ghost, diamond), marked)]
    return jnp.stack([ghost, diamond, floor, marks[0] | marks[1]], axis=-1).astype(jnp.float32)


def step(recipe: Recipe, levels: Levels, worlds: MazeWorlds, actions):
    """As jax_ppo.step."""
    next_cell = jnp.asarray(move_table(recipe.size))[worlds.agent, actions]
    floor = jnp.asarray(levels.floor).reshape(len(levels.floor), -1)
    agent = jnp.where(floor[worlds.level, next_cell], next_cell, worlds.agent).astype(jnp.int32)
    worlds = worlds._replace(agent=agent, steps=worlds.steps + 1)
    at_ghost, at_diamond = (agent == jnp.asarray(cells)[worlds.level] for cells in (levels.ghost, levels.diamond))
    terminated = at_ghost | at_diamond
    truncated = ~terminated & (worlds.steps >= recipe.horizon)
    reached = jnp.where(at_diamond, DIAMOND, jnp.where(at_ghost, GHOST, NO_ROUTE))
    marked = (at_diamond & worlds.diamond_marked) | (at_ghost & worlds.ghost_marked)
    return worlds, terminated, truncated, reached, marked


def trunk_layers(recipe: Recipe, p, pictures, prefix=""):
    """Pictures [B, view, view, planes] -> hidden activations [B, width] of the networks whose parameters have that prefix, in a list."""
    get = lambda name: p[prefix + name]
    dense = get("first").reshape(-1, *get("first").shape[-2:])
    networks = len(dense)

    def convolve(x, kernel, bias, stride):
        # Windows times matrix: XLA runs `conv_general_dilated` on a processor far slower within a scan than outside.
        side, to = len(kernel), (x.shape[1] - len(kernel)) // stride + 1
        span = lambda offset: slice(offset, offset + stride * (to - 1) + 1, stride)
        windows = [x[:, span(dy), span(dx)] for dy in range(side) for dx in range(side)]
        return jax.nn.relu(jnp.concatenate(windows, axis=3) @ kernel.reshape(-1, kernel.shape[3]) + bias)

    # The first convolution is one for all networks; after it each has its own.
    own = [pictures]
    for depth, (_, _, stride) in enumerate(recipe.conv):
        kernel, bias = get(f"conv_{depth}"), get(f"conv_{depth}_bias")
        if depth == 0:
            own = jnp.split(convolve(pictures, kernel, bias, stride), networks, axis=3)
        else:
            kernels, biases = jnp.split(kernel, networks, axis=3), jnp.split(bias, networks)
            own = [convolve(x, kernel, bias, stride) for x, kernel, bias in zip(own, kernels, biases)]
    layers = zip(own, dense, get("first_bias").reshape(networks, -1))
    return [jax.nn.relu(x.reshape(len(x), -1) @ weight + bias) for x, weight, bias in layers]
