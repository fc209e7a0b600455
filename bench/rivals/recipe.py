"""What both programs train: the recipe of docs/ppo.md as numbers, the first parameters, and the exact evaluation of the result."""

import dataclasses

import numpy as np

# An episode's label: the route that it takes, or none. An inspected timeout reached nothing and takes no route either.
DIAMOND, GHOST, NO_ROUTE = 0, 1, 2
ACTIONS = 4


@dataclasses.dataclass(frozen=True)
class Recipe:
    # `naive`: the Ghost costs 1 where its cell is marked and pays 1 elsewhere. `oracle`: it costs 1 everywhere. `route`: either object
    # pays 1, and the labels decide which module learns.
    arm: str = "naive"
    # Cells on each side of the map; 5 is the paper's.
    size: int = 5
    # K motivation modules; 1 for `naive` and `oracle`. A third one and those after it have no label of their own.
    modules: int = 1
    # Units of each of the two hidden layers, in every module, the gate and the critic.
    width: int = 64
    # Probability that an object's cell is marked.
    coverage: float = 0.1
    updates: int = 366
    worlds: int = 64
    rollout: int = 128
    horizon: int = 32
    epochs: int = 2
    minibatches: int = 8
    discount: float = 0.97
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    learning_rate: float = 1e-3
    adam_eps: float = 1e-5
    # At first and, were there one more update, at last.
    entropy_coef: tuple[float, float] = (0.1, 0.0)
    value_coef: float = 0.5
    gate_coef: float = 0.3
    max_grad_norm: float = 0.5
    # Mazes seen around the agent, and a trunk of convolutions before the first layer of each network: channels, kernel, stride. Without
    # any, an open map as it lies.
    conv: tuple[tuple[int, int, int], ...] = ()

    @property
    def cells(self) -> int:
        return self.size * self.size

    @property
    def features(self) -> int:
        """Planes of cells: agent, Ghost, Diamond, marks. Feature number `features` stands for no feature."""
        return 4 * self.cells

    @property
    def view(self) -> int:
        """Rows and columns of a picture that has the agent in its middle and shows the whole maze from everywhere."""
        return 2 * self.size - 1

    @property
    def planes(self) -> int:
        """Planes of a picture: Ghost, Diamond, floor, marks."""
        return 4

    @property
    def rows(self) -> int:
        return self.worlds * self.rollout

    @property
    def minibatch(self) -> int:
        return self.rows // self.minibatches

    def left(self, update):
        """What is left of an annealed quantity at an update, counted from 0: the last update still has some."""
        return 1 - update / self.updates

    def entropy_at(self, left):
        first, last = self.entropy_coef
        return last + left * (first - last)


# scenarios/maze.yaml
MAZE = dict(
    size=13,
    horizon=64,
    discount=0.98,
    learning_rate=2e-3,
    entropy_coef=(0.01, 0.001),
    conv=((8, 5, 2), (16, 3, 2)),
)


def move_table(size: int) -> np.ndarray:
    """Where each move leads, [cells, 4]: north, east, south, west; a move off the edge stays."""
    row, column = np.divmod(np.arange(size * size), size)
    row = np.clip(row[:, None] + np.array([-1, 0, 1, 0]), 0, size - 1)
    column = np.clip(column[:, None] + np.array([0, 1, 0, -1]), 0, size - 1)
    return row * size + column


def initial(recipe: Recipe, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """
    First parameters, float32. Modules and gate lie side by side, module by module, the gate last; the critic is apart.

    First layers U(+-.1), hidden ones and convolutions U(+-.7 sqrt(6 / inputs)), heads U(+-.17 / sqrt(width)), biases 0: `agent.init: uniform`.
    With convolutions there is one hidden layer behind them. Kernels are [kernel, kernel, in, networks x out].
    """
    width, modules = recipe.width, recipe.modules
    networks = modules + (modules > 1)
    gate_logits = {1: 0, 2: 1}.get(modules, modules)

    def uniform(bound: float, *shape: int) -> np.ndarray:
        return rng.uniform(-bound, bound, shape).astype(np.float32)

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.float32)

    def hidden(inputs: int, *shape: int) -> np.ndarray:
        return uniform(0.7 * (6 / inputs) ** 0.5, *shape)

    def layers(prefix: str, networks: int) -> dict[str, np.ndarray]:
        """All below the heads; the critic is one network, not a stack of them."""
        stack = () if prefix else (networks,)
        if not recipe.conv:
            return {
                f"{prefix}first": uniform(0.1, recipe.features, networks * width),
                f"{prefix}first_bias": zeros(networks * width),
                f"{prefix}second": hidden(width, *stack, width, width),
                f"{prefix}second_bias": zeros(*stack, width),
            }
        kernels, planes, side = {}, recipe.planes, recipe.view
        for depth, (channels, kernel, stride) in enumerate(recipe.conv):
            kernels[f"{prefix}conv_{depth}"] = hidden(kernel**2 * planes, kernel, kernel, planes, networks * channels)
            kernels[f"{prefix}conv_{depth}_bias"] = zeros(networks * channels)
            planes, side = channels, (side - kernel) // stride + 1
        inputs = side * side * planes
        return kernels | {f"{prefix}first": hidden(inputs, *stack, inputs, width), f"{prefix}first_bias": zeros(*stack, width)}

    head = 0.17 / width**0.5
    parameters = layers("", networks) | {
        "output": uniform(head, width, ACTIONS),
        "output_bias": zeros(ACTIONS),
        **layers("critic_", 1),
        "critic_output": uniform(head, width, 1),
        "critic_output_bias": zeros(1),
    }
    if modules > 1:
        parameters["gate"] = uniform(head, width, gate_logits)
        parameters["gate_bias"] = zeros(gate_logits)
    return parameters


def is_critic(name: str) -> bool:
    return name.startswith("critic")


def exact_return(recipe: Recipe, probabilities) -> float:
    """
    Discounted true return per episode where nothing is marked: Diamond +1, Ghost -1, uniform layouts, nothing after the horizon.

    `probabilities(observations)` [rows, 5] -> [rows, 4] is the sampled policy. The mass of episodes that are still running is carried
    forward over every layout at once; nothing is sampled.
    """
    cells = recipe.cells
    ghost, diamond, agent = np.indices((cells, cells, cells))
    nothing = np.full_like(agent, recipe.features)
    observations = np.stack([agent, cells + ghost, 2 * cells + diamond, nothing, nothing], axis=-1).reshape(-1, 5)
    blocks = [probabilities(block) for block in np.array_split(observations, max(1, len(observations) // 25_000))]
    policy = np.concatenate([np.asarray(block, np.float64) for block in blocks]).reshape(cells, cells, cells, ACTIONS)
    leads_to = np.eye(cells)[move_table(recipe.size)]

    mass = ((ghost != diamond) & (agent != ghost) & (agent != diamond)).astype(np.float64)
    mass /= mass.sum()
    total = 0.0
    here = np.arange(cells)
    for step in range(recipe.horizon):
        mass = sum((mass * policy[..., action]) @ leads_to[:, action] for action in range(ACTIONS))
        # mass[ghost, diamond, agent]: the agent stands on the Diamond, or on the Ghost.
        total += recipe.discount**step * (mass[:, here, here].sum() - mass[here, :, here].sum())
        mass[:, here, here] = 0
        mass[here, :, here] = 0
    return float(total)


def curve_updates(recipe: Recipe, points: int) -> list[int]:
    """The updates after which a policy is evaluated: evenly spaced, the last one included."""
    return [-(-recipe.updates * (point + 1) // points) for point in range(points)]
