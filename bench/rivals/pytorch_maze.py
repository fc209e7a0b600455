"""The maze world in NumPy, and networks with a convolutional trunk in PyTorch, for pytorch_ppo.py."""

import numpy as np
import torch.nn.functional as F
from torch import addmm

from maze import Levels, padded
from recipe import DIAMOND, GHOST, NO_ROUTE, Recipe, move_table


class MazeWorlds:
    """N mazes that step side by side and reset themselves, as pytorch_ppo.Worlds."""

    def __init__(self, recipe: Recipe, levels: Levels, rng: np.random.Generator):
        self.recipe = recipe
        self.levels = levels
        self.rng = rng
        self.moves = move_table(recipe.size)
        self.floor = levels.floor.reshape(len(levels.floor), -1)
        self.windows = np.lib.stride_tricks.sliding_window_view(padded(levels), (recipe.view, recipe.view), axis=(1, 2))
        self.state = self.new_episodes(recipe.worlds)

    def new_episodes(self, count: int) -> np.ndarray:
        """Columns agent, level, mark of the Ghost, mark of the Diamond, steps taken: [count, 5]."""
        level = self.rng.integers(len(self.levels.start), size=count)
        marks = self.rng.random((count, 2)) < self.recipe.coverage
        return np.column_stack([self.levels.start[level], level, marks, np.zeros_like(level)])

    def observe(self) -> np.ndarray:
        """Pictures, [N, view, view, planes], uint8: Ghost, Diamond, floor and marks around the agent."""
        return self.picture(self.state)

    def picture(self, state: np.ndarray) -> np.ndarray:
        size, view = self.recipe.size, self.recipe.view
        agent, level = state[:, :2].T
        row, column = agent // size, agent % size
        pictures = np.zeros((len(state), view, view, self.recipe.planes), np.uint8)
        pictures[..., 2] = self.windows[level, row, column]
        n = np.arange(len(state))
        for plane, cells in enumerate((self.levels.ghost[level], self.levels.diamond[level])):
            y, x = cells // size - row + size - 1, cells % size - column + size - 1
            pictures[n, y, x, plane] = 1
            pictures[n, y, x, 3] = state[:, 2 + plane]
        return pictures

    def step(self, actions: np.ndarray):
        """As pytorch_ppo.Worlds.step."""
        state = self.state
        level = state[:, 1]
        next_cell = self.moves[state[:, 0], actions]
        agent = state[:, 0] = np.where(self.floor[level, next_cell], next_cell, state[:, 0])
        state[:, 4] += 1
        at_ghost, at_diamond = agent == self.levels.ghost[level], agent == self.levels.diamond[level]
        terminated = at_ghost | at_diamond
        truncated = ~terminated & (state[:, 4] >= self.recipe.horizon)
        reached = np.where(at_diamond, DIAMOND, np.where(at_ghost, GHOST, NO_ROUTE))
        marked = np.where(at_diamond, state[:, 3], state[:, 2] & at_ghost).astype(bool)
        last = self.picture(state[truncated])
        ended = np.flatnonzero(terminated | truncated)
        state[ended] = self.new_episodes(len(ended))
        return terminated, truncated, reached, marked, last


def trunk_layers(agent, pictures, prefix=""):
    """Pictures [B, view, view, planes] -> hidden activations [B, width] of the networks whose parameters have that prefix, in a list."""
    get = lambda name: getattr(agent, prefix + name)
    dense = get("first").view(-1, *get("first").shape[-2:])
    bias = get("first_bias").view(len(dense), -1)
    networks = len(dense)
    # Channels last, in the order in which pictures lie; a convolution of all networks at once.
    h = pictures.permute(0, 3, 1, 2).float()
    for depth, (_, _, stride) in enumerate(agent.recipe.conv):
        groups = 1 if depth == 0 else networks
        h = F.relu(F.conv2d(h, get(f"conv_{depth}"), get(f"conv_{depth}_bias"), stride=stride, groups=groups))
    places = h.permute(0, 2, 3, 1).chunk(networks, dim=3)
    return [F.relu(addmm(own, h.flatten(1), weight)) for own, h, weight in zip(bias, places, dense)]
