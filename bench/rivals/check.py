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

import jax_ppo
import pytorch_ppo
from recipe import DIAMOND, GHOST, Recipe, exact_return, initial


def padded(recipe: Recipe, rows: list[list[int]]) -> np.ndarray:
    """Rows of active features, in order, with the number that stands for no feature behind them."""
    return np.array([sorted(row) + [recipe.features] * (5 - len(row)) for row in rows])


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


def stacked(tensors: dict, names: list[str]) -> dict[str, np.ndarray]:
    """Tensors by their names in a checkpoint -> parameters by theirs here."""
    get = lambda name: np.array(tensors[name], np.float32)
    networks = [f"module.{name}" for name in names] + (["gate"] if len(names) > 1 else [])
    parameters = {
        "first": np.concatenate([get(f"{network}.0.weight") for network in networks], axis=1),
        "first_bias": np.concatenate([get(f"{network}.0.bias") for network in networks]),
        "second": np.stack([get(f"{network}.1.weight") for network in networks]),
        "second_bias": np.stack([get(f"{network}.1.bias") for network in networks]),
        "output": get("output.weight"),
        "output_bias": get("output.bias"),
    }
    for layer, name in enumerate(("first", "second", "output")):
        parameters[f"critic_{name}"] = get(f"critic.{layer}.weight")
        parameters[f"critic_{name}_bias"] = get(f"critic.{layer}.bias")
    if len(names) > 1:
        parameters |= {"gate": get("gate.2.weight"), "gate_bias": get("gate.2.bias")}
    return parameters


def check_learning(case: dict) -> None:
    """A few optimiser steps: losses, masks, the gate's cross-entropy, clipping and Adam together."""
    names = case["modules"]
    recipe = Recipe(size=case["size"], width=case["width"], modules=len(names), arm="route" if len(names) > 1 else "naive")
    before, after = stacked(case["before"], names), stacked(case["after"], names)
    shapes = {name: value.shape for name, value in initial(recipe, np.random.default_rng(0)).items()}
    assert {name: value.shape for name, value in before.items()} == shapes
    rows = case["rows"]
    minibatch = jax_ppo.Batch(
        padded(recipe, rows["observations"]),
        np.array(rows["actions"]),
        *(np.array(rows[key], np.float32) for key in ("lnProbabilities", "advantages", "returns")),
        np.array(rows["labels"]),
    )
    assert {DIAMOND, GHOST} < set(rows["labels"])

    agent = pytorch_ppo.Agent(recipe, np.random.default_rng(0))
    table = lambda name, value: np.pad(value, ((0, 1), (0, 0))) if name in ("first", "critic_first") else value
    agent.load_state_dict({name: torch.from_numpy(table(name, value)) for name, value in before.items()})
    vectors = agent.flatten()
    optimizer = pytorch_ppo.adam(recipe, vectors)

    parameters = jax.tree.map(jnp.asarray, before)
    jax_learn = jax.jit(functools.partial(jax_ppo.learn, recipe))
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    adam = jax_ppo.Adam(zeros, zeros, jnp.int32(0))
    for _ in range(case["steps"]):
        pytorch_ppo.learn(agent, recipe, vectors, optimizer, recipe.entropy_coef, map(torch.from_numpy, minibatch))
        parameters, adam = jax_learn(parameters, adam, 1.0, jax.tree.map(jnp.asarray, minibatch))

    for name, expected in after.items():
        moved = np.abs(expected - before[name]).max()
        from_torch = agent.get_parameter(name).detach().numpy()[: len(expected)]
        for program, found in (("pytorch", from_torch), ("jax", np.asarray(parameters[name]))):
            # Float32 against float64; they were found to be 1e-8 apart, and to move by 4e-3.
            difference = np.abs(found - expected).max()
            assert difference < 1e-3 * moved, f"{program}: {name} moved by {moved}, and is {difference} off"


def main() -> None:
    [path] = sys.argv[1:]
    with open(path) as file:
        recorded = json.load(file)
    for transitions in recorded["transitions"]:
        check_transitions(transitions)
    check_episodes()
    for case in recorded["exact"]:
        check_exact(case)
    for case in recorded["learning"]:
        check_learning(case)
    counts = {name: len(cases) for name, cases in recorded.items()}
    print(f"both programs agree: {counts}")


if __name__ == "__main__":
    main()
