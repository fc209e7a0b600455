"""
Hold both programs against what Halfwatch did: `python check.py FILE`, with a file that test/slow/rivals.test.ts writes.

The file holds transitions of its worlds, exact returns of fixed policies, and optimiser steps of its reference engine. Ends with an
assertion where a program differs.
"""

import functools
import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import torch

import jax_maze
import jax_ppo
import pytorch_ppo
from maze import Levels, draw_levels, is_reachable
from pytorch_maze import MazeWorlds
from recipe import DIAMOND, GHOST, MAZE, Recipe, exact_return, initial


def check_recipe(case: dict) -> None:
    """The numbers that recipe.py repeats are the scenario's."""
    recipe = Recipe(**(MAZE if case["maze"] else {}))
    as_lists = lambda value: [as_lists(x) for x in value] if isinstance(value, tuple) else value
    found = {name: as_lists(getattr(recipe, name)) for name in case["numbers"]}
    assert found == case["numbers"], (found, case["numbers"])


def padded(recipe: Recipe, rows: list[list[int]]) -> np.ndarray:
    """Rows of active features, in order, with the number that stands for no feature behind them."""
    return np.array([sorted(row) + [recipe.features] * (5 - len(row)) for row in rows])


def pictures(recipe: Recipe, rows: list[list[int]]) -> np.ndarray:
    """Rows of active features -> [N, view, view, planes]."""
    flat = np.zeros((len(rows), recipe.planes * recipe.view**2), np.uint8)
    for picture, row in zip(flat, rows):
        picture[row] = 1
    return flat.reshape(len(rows), recipe.planes, recipe.view, recipe.view).transpose(0, 2, 3, 1)


def check_mazes(transitions: dict) -> None:
    """As `check_transitions`; each state has a level of its own."""
    agent, ghost_marked, diamond_marked, steps = np.array(transitions["states"])[:, [0, 3, 4, 5]].T
    ghost, diamond = np.array(transitions["states"])[:, 1:3].T
    recipe = Recipe(**MAZE | {"horizon": transitions["horizon"]}, worlds=len(agent))
    floor = 1 - np.array(transitions["walls"]).reshape(-1, recipe.size, recipe.size)
    levels = Levels(floor.astype(bool), agent, ghost, diamond)
    before, after = pictures(recipe, transitions["before"]), pictures(recipe, transitions["after"])
    actions = np.array(transitions["actions"])
    ends = [np.array(transitions[key]) for key in ("terminated", "truncated", "reached", "marked")]
    running = ~(ends[0] | ends[1])
    assert 0 < running.sum() < len(agent) and ends[1].any() and ends[3].any()
    level = np.arange(len(agent))

    worlds = MazeWorlds(recipe, levels, np.random.default_rng(0))
    worlds.state = np.column_stack([agent, level, ghost_marked, diamond_marked, steps])
    assert np.array_equal(worlds.observe(), before)
    *found, last = worlds.step(actions)
    assert all(np.array_equal(x, y) for x, y in zip(found, ends))
    assert np.array_equal(last, after[ends[1]])
    assert np.array_equal(worlds.observe()[running], after[running])
    assert np.all(worlds.state[~running, 4] == 0)

    batch = jax_maze.MazeWorlds(*map(jnp.asarray, (agent, level, ghost_marked == 1, diamond_marked == 1, steps)))
    see = lambda batch: jax_maze.picture(recipe, levels, jax_maze.observation(batch))
    assert np.array_equal(see(batch), before)
    batch, *found = jax_maze.step(recipe, levels, batch, jnp.asarray(actions))
    assert all(np.array_equal(x, y) for x, y in zip(found, ends))
    assert np.array_equal(see(batch), after)


def check_levels() -> None:
    """Mazes are whole and as open as they should be; objects and starts are spread over the floor; episodes over the table."""
    recipe = Recipe(**MAZE, worlds=20_000, coverage=0.3)
    size, count = recipe.size, 500
    levels = draw_levels(size, count, np.random.default_rng(1))
    assert levels.floor[:, ::2, ::2].all() and not levels.floor[:, 1::2, 1::2].any()
    for floor, start, ghost, diamond in zip(*levels):
        free = np.flatnonzero(floor)
        assert {start, ghost, diamond} <= set(free) and len({start, ghost, diamond}) == 3
        assert all(cell == start or is_reachable(floor, start, cell, -1) for cell in free)
        assert is_reachable(floor, start, diamond, ghost)
    # A tree over 49 rooms opens 48 of 84 doors, half of the others open. Levels that are thrown away favour open mazes a little.
    doors = levels.floor.sum(axis=(1, 2)) - 49
    assert 65.5 < doors.mean() < 68, doors.mean()
    assert doors.min() >= 48 and doors.std() < 4
    numpy_state = MazeWorlds(recipe, levels, np.random.default_rng(1)).state
    jax_state = np.column_stack(jax_maze.new_episodes(recipe, levels, jax.random.key(1)))
    for state in (numpy_state, jax_state):
        assert np.array_equal(state[:, 0], levels.start[state[:, 1]]) and np.all(state[:, 4] == 0)
        expected = recipe.worlds / count
        assert np.abs(np.bincount(state[:, 1], minlength=count) - expected).max() < 5 * expected**0.5
        for marks in (state[:, 2], state[:, 3], state[:, 2] * state[:, 3] / 0.3):
            assert abs(marks.mean() - 0.3) < 5 * (0.3 / recipe.worlds) ** 0.5 / 0.3


def check_transitions(transitions: dict) -> None:
    """Features before and after a step, ends, what was reached and whether it was marked."""
    states = np.array(transitions["states"])
    recipe = Recipe(size=transitions["size"], horizon=transitions["horizon"], worlds=len(states))
    before, after = padded(recipe, transitions["before"]), padded(recipe, transitions["after"])
    actions = np.array(transitions["actions"])
    ends = [np.array(transitions[key]) for key in ("terminated", "truncated", "reached", "marked")]
    running = ~(ends[0] | ends[1])
    assert 0 < running.sum() < len(states) and ends[1].any() and ends[3].any()

    worlds = pytorch_ppo.Worlds(recipe, np.random.default_rng(0))
    worlds.state = states.copy()
    assert np.array_equal(np.sort(worlds.observe()), before)
    *found, last = worlds.step(actions)
    assert all(np.array_equal(x, y) for x, y in zip(found, ends))
    assert np.array_equal(np.sort(last), after[ends[1]])
    assert np.array_equal(np.sort(worlds.observe())[running], after[running])
    # A new episode begins where one ended, at its first step.
    assert np.all(worlds.state[~running, 5] == 0)

    columns = [jnp.asarray(column) for column in states.T]
    batch = jax_ppo.Worlds(*columns[:3], columns[3] == 1, columns[4] == 1, columns[5])
    assert np.array_equal(np.sort(jax_ppo.observation(recipe, batch)), before)
    batch, *found = jax_ppo.step(recipe, batch, jnp.asarray(actions))
    assert all(np.array_equal(x, y) for x, y in zip(found, ends))
    assert np.array_equal(np.sort(jax_ppo.observation(recipe, batch)), after)


def check_episodes() -> None:
    """Three distinct cells, each as likely, and marks at the coverage: counts within five standard deviations."""
    recipe = Recipe(worlds=200_000, coverage=0.3)
    numpy_state = pytorch_ppo.Worlds(recipe, np.random.default_rng(1)).state
    jax_state = np.column_stack(jax_ppo.new_episodes(recipe, jax.random.key(1)))
    for state in (numpy_state, jax_state):
        agent, ghost, diamond = state[:, :3].T
        assert np.all((agent != ghost) & (agent != diamond) & (ghost != diamond))
        # All 25 x 24 x 23 layouts, folded to pairs.
        for first, second in ((agent, ghost), (ghost, diamond), (agent, diamond)):
            pairs = np.bincount(first * 25 + second, minlength=625)[~np.eye(25, dtype=bool).ravel()]
            expected = recipe.worlds / 600
            assert np.abs(pairs - expected).max() < 5 * expected**0.5
        for marks in (state[:, 3], state[:, 4], state[:, 3] * state[:, 4] / 0.3):
            assert abs(marks.mean() - 0.3) < 5 * (0.3 / recipe.worlds) ** 0.5 / 0.3


def check_exact(case: dict) -> None:
    """The return of a policy that looks whether the Diamond lies further east."""
    recipe = Recipe(size=case["size"], horizon=case["horizon"])

    def policy(observations: np.ndarray) -> np.ndarray:
        agent, diamond = observations[:, 0], observations[:, 2] - 2 * recipe.cells
        is_east = diamond % recipe.size > agent % recipe.size
        return np.where(is_east[:, None], case["eastward"], case["otherwise"])

    found = exact_return(recipe, policy)
    assert abs(found - case["trueReturn"]) < 1e-9, (found, case["trueReturn"])


def check_window(window: dict) -> None:
    """Advantages, returns and labels of a window: discount, what a cut episode and the window's end are worth, whose label a row has."""
    recipe = Recipe(arm=window["arm"])
    values, finals, end = (np.array(window[key], np.float32) for key in ("values", "finals", "windowEnd"))
    ends = [np.array(window[key]) for key in ("terminated", "truncated", "reached", "marked")]
    expected = [np.array(window[key]) for key in ("advantages", "returns", "labels")]
    cut = np.flatnonzero(ends[1])
    assert 0 < len(cut) and ends[0].any()

    from_numpy = pytorch_ppo.estimates(recipe, values, end, finals[ends[1]], *ends)
    # Two rows past the end, as there are where fewer episodes were cut than there is room for.
    room = np.append(cut, [values.size, values.size])
    led_to = np.append(finals.reshape(-1)[cut], [9, 9])
    from_jax = jax_ppo.estimates(recipe, *map(jnp.asarray, (values, end, room, led_to, *ends)))
    for program, found in (("pytorch", from_numpy), ("jax", from_jax)):
        for name, x, y in zip(("advantages", "returns", "labels"), found, expected):
            assert np.abs(np.asarray(x) - y).max() < 1e-5, f"{program}: {name}"


def stacked(recipe: Recipe, tensors: dict, names: list[str]) -> dict[str, np.ndarray]:
    """Tensors by their names in a checkpoint -> parameters by theirs here."""
    get = lambda name: np.array(tensors[name]["values"], np.float32).reshape(tensors[name]["shape"])
    networks = [f"module.{name}" for name in names] + (["gate"] if len(names) > 1 else [])
    side_by_side = lambda layer: np.concatenate([get(f"{network}.{layer}") for network in networks], axis=-1)
    stack = lambda layer: np.stack([get(f"{network}.{layer}") for network in networks])
    parameters = {"output": get("output.weight"), "output_bias": get("output.bias")}
    if recipe.conv:
        for depth in range(len(recipe.conv)):
            for ours, theirs in (("weight", ""), ("bias", "_bias")):
                parameters[f"conv_{depth}{theirs}"] = side_by_side(f"conv.{depth}.{ours}")
                parameters[f"critic_conv_{depth}{theirs}"] = get(f"critic.conv.{depth}.{ours}")
        parameters |= {"first": stack("0.weight"), "first_bias": stack("0.bias")}
    else:
        parameters |= {"first": side_by_side("0.weight"), "first_bias": side_by_side("0.bias")}
        parameters |= {"second": stack("1.weight"), "second_bias": stack("1.bias")}
    layers = ("first", "output") if recipe.conv else ("first", "second", "output")
    for layer, name in enumerate(layers):
        parameters[f"critic_{name}"] = get(f"critic.{layer}.weight")
        parameters[f"critic_{name}_bias"] = get(f"critic.{layer}.bias")
    if len(names) > 1:
        head = len(layers) - 1
        parameters |= {"gate": get(f"gate.{head}.weight"), "gate_bias": get(f"gate.{head}.bias")}
    return parameters


def check_learning(case: dict) -> None:
    """A few optimiser steps: losses, masks, the gate's cross-entropy, clipping and Adam together."""
    names = case["modules"]
    world = {"conv": MAZE["conv"]} if case["maze"] else {}
    arm = "route" if len(names) > 1 else "naive"
    recipe = Recipe(size=case["size"], width=case["width"], modules=len(names), arm=arm, **world)
    before, after = (stacked(recipe, case[when], names) for when in ("before", "after"))
    shapes = {name: value.shape for name, value in initial(recipe, np.random.default_rng(0)).items()}
    assert {name: value.shape for name, value in before.items()} == shapes
    rows = case["rows"]
    minibatch = jax_ppo.Batch(
        (pictures if case["maze"] else padded)(recipe, rows["observations"]),
        np.array(rows["actions"]),
        *(np.array(rows[key], np.float32) for key in ("lnProbabilities", "advantages", "returns")),
        np.array(rows["labels"]),
    )
    assert {DIAMOND, GHOST} < set(rows["labels"])

    agent = pytorch_ppo.Agent(recipe, np.random.default_rng(0))
    laid_out = {name: torch.from_numpy(pytorch_ppo.layout(recipe, name, value)) for name, value in before.items()}
    agent.load_state_dict(laid_out)
    vectors = agent.flatten()
    optimizer = pytorch_ppo.adam(recipe, vectors)

    parameters = jax.tree.map(jnp.asarray, before)
    jax_learn = jax.jit(functools.partial(jax_ppo.learn, recipe))
    jax_minibatch = jax.tree.map(jnp.asarray, minibatch)
    if case["maze"]:
        jax_minibatch = jax_minibatch._replace(observations=jax_minibatch.observations.astype(jnp.float32))
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    adam = jax_ppo.Adam(zeros, zeros, jnp.int32(0))
    for _ in range(case["steps"]):
        pytorch_ppo.learn(agent, recipe, vectors, optimizer, recipe.entropy_at(1), map(torch.from_numpy, minibatch))
        parameters, adam = jax_learn(parameters, adam, 1.0, jax_minibatch)

    for name, expected in after.items():
        moved = np.abs(expected - before[name]).max()
        from_torch = agent.get_parameter(name).detach().numpy()
        # Back from pytorch_ppo.layout.
        from_torch = from_torch.transpose(2, 3, 1, 0) if expected.ndim == 4 else from_torch[: len(expected)]
        for program, found in (("pytorch", from_torch), ("jax", np.asarray(parameters[name]))):
            # Float32 against float64; they were found to be 1e-8 apart, and to move by 4e-3.
            difference = np.abs(found - expected).max()
            assert difference < 1e-3 * moved, f"{program}: {name} moved by {moved}, and is {difference} off"


def main() -> None:
    [path] = sys.argv[1:]
    with open(path) as file:
        recorded = json.load(file)
    for case in recorded["recipes"]:
        check_recipe(case)
    for transitions in recorded["transitions"]:
        check_transitions(transitions)
    for transitions in recorded["mazes"]:
        check_mazes(transitions)
    check_episodes()
    check_levels()
    for case in recorded["exact"]:
        check_exact(case)
    for window in recorded["windows"]:
        check_window(window)
    for case in recorded["learning"]:
        check_learning(case)
    counts = {name: len(cases) for name, cases in recorded.items()}
    print(f"both programs agree: {counts}")


if __name__ == "__main__":
    main()
