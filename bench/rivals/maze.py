"""
Levels of mazes, drawn as src/envs/maze.ts and src/envs/diamond-ghost.ts draw them. Episodes take theirs from a table of them.
"""

import functools
from typing import NamedTuple

import numpy as np

# Levels in the table. Halfwatch draws a new one for each episode.
TABLE = 4096
# Probability that a door which a perfect maze keeps shut is open.
LOOPS = 0.5


class Levels(NamedTuple):
    """L levels; the objects' and the agent's first cells are [L]."""

    # Where there is no wall, [L, size, size].
    floor: np.ndarray
    start: np.ndarray
    ghost: np.ndarray
    diamond: np.ndarray


@functools.lru_cache
def table_of(size: int) -> Levels:
    return draw_levels(size, TABLE, np.random.default_rng(0))


def draw_levels(size: int, count: int, rng: np.random.Generator) -> Levels:
    """Levels on which the Diamond can be reached without stepping on the Ghost."""
    levels = []
    while len(levels) < count:
        floor = draw_maze(size, rng)
        start, ghost, diamond = rng.choice(np.flatnonzero(floor), 3, replace=False)
        if is_reachable(floor, start, diamond, ghost):
            levels.append((floor, start, ghost, diamond))
    return Levels(*(np.array(column) for column in zip(*levels)))


def draw_maze(size: int, rng: np.random.Generator) -> np.ndarray:
    """
    Kruskal's maze with some more doors open, True where there is floor, [size, size]. Rooms have an even row and column, doors lie
    between two of them.
    """
    floor = np.zeros((size, size), bool)
    floor[::2, ::2] = True
    rows, columns = np.nonzero(np.add.outer(np.arange(size), np.arange(size)) % 2)
    doors = [(r, c) for r, c in zip(rows.tolist(), columns.tolist()) if r + r % 2 < size and c + c % 2 < size]
    parent = {}

    def find(room):
        while room in parent:
            room = parent[room]
        return room

    opens = rng.random(len(doors)) < LOOPS
    for door in rng.permutation(len(doors)):
        r, c = doors[door]
        one, other = find((r - r % 2, c - c % 2)), find((r + r % 2, c + c % 2))
        if one != other:
            parent[one] = other
        elif not opens[door]:
            continue
        floor[r, c] = True
    return floor


def is_reachable(floor: np.ndarray, start: int, goal: int, blocked: int) -> bool:
    size = len(floor)
    free = {cell for cell in np.flatnonzero(floor).tolist() if cell != blocked}
    free.discard(start)
    front = [start]
    while front:
        cell = front.pop()
        steps = [cell - size, cell + size, *([cell - 1] if cell % size else []), *([cell + 1] if (cell + 1) % size else [])]
        front += [step for step in steps if step in free]
        free.difference_update(steps)
    return goal not in free


def padded(levels: Levels) -> np.ndarray:
    """Floor with a margin of nothing, so that a window of 2 size - 1 whose corner is at the agent's cell has the agent in its middle."""
    margin = levels.floor.shape[1] - 1
    return np.pad(levels.floor, ((0, 0), (margin, margin), (margin, margin)))
