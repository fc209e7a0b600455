/** The four moves of every gridworld here, in the order of their action numbers. */
export const MOVES: readonly string[] = ["north", "east", "south", "west"];

/**
 * Where each move leads on a grid without walls, [cells, 4]; a move off the edge stays.
 *
 * Cell = row * width + column; north is row - 1, east column + 1, south row + 1, west column - 1.
 */
export function createMoveTable(height: number, width: number): Int32Array {
  const table = new Int32Array(height * width * 4);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const cell = row * width + column;
      table[cell * 4] = row > 0 ? cell - width : cell;
      table[cell * 4 + 1] = column < width - 1 ? cell + 1 : cell;
      table[cell * 4 + 2] = row < height - 1 ? cell + width : cell;
      table[cell * 4 + 3] = column > 0 ? cell - 1 : cell;
    }
  }
  return table;
}

/** Distance of a cell that cannot be reached. */
export const UNREACHABLE = -1;

/** Shortest paths on grids of one shape; owns its queue, so that a search allocates nothing. */
export class PathFinder {
  private readonly moves: Int32Array;
  private readonly queue: Int32Array;

  /** `moves` is {@link createMoveTable}'s, [cells, 4]. */
  constructor(moves: Int32Array) {
    this.moves = moves;
    this.queue = new Int32Array(moves.length / 4);
  }

  /**
   * Number of moves from `source` to every cell, breadth first.
   *
   * `walls` [cells] is 1 where nobody can stand; `obstacle` is one more such cell, or -1.
   * Writes: `distances` [cells], {@link UNREACHABLE} for walls and for cells that no path reaches.
   * Returns the number of cells reached, the source included.
   */
  distancesInto(walls: Uint8Array, source: number, obstacle: number, distances: Int32Array): number {
    const { moves, queue } = this;
    distances.fill(UNREACHABLE);
    distances[source] = 0;
    queue[0] = source;
    let reached = 1;
    for (let head = 0; head < reached; head++) {
      const cell = queue[head];
      for (let move = 0; move < 4; move++) {
        const next = moves[cell * 4 + move];
        if (walls[next] || next === obstacle || distances[next] !== UNREACHABLE) continue;
        distances[next] = distances[cell] + 1;
        queue[reached++] = next;
      }
    }
    return reached;
  }
}
