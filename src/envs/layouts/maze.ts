import { type Chance, shuffle } from "../../core/random.ts";

/**
 * A random maze, 1 where there is a wall, [height * width].
 *
 * Cells with even row and even column are rooms; a cell between two of them is a door, open or shut; all others are walls, so that an even
 * height or width leaves its last row or column walled. Doors are looked at in random order and opened where their rooms are not connected yet
 * (Kruskal 1956), which gives a perfect maze: one way between any two rooms. Each door that is shut then opens with probability
 * `loops`, in [0, 1]: 0 keeps the maze perfect, 1 leaves nothing but pillars.
 */
export function drawMaze(height: number, width: number, loops: number, chance: Chance): Uint8Array {
  const walls = new Uint8Array(height * width).fill(1);
  const doors: number[] = [];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const cell = row * width + column;
      if (row % 2 === 0 && column % 2 === 0) walls[cell] = 0;
      const rowDoor = row % 2 === 1 && column % 2 === 0 && row + 1 < height;
      const columnDoor = row % 2 === 0 && column % 2 === 1 && column + 1 < width;
      if (rowDoor || columnDoor) doors.push(cell);
    }
  }
  // A room's representative in the set of rooms that it is connected to.
  const parent = Int32Array.from(walls, (_, cell) => cell);
  const find = (room: number): number => {
    let root = room;
    while (parent[root] !== root) root = parent[root];
    parent[room] = root;
    return root;
  };
  const order = Int32Array.from(doors);
  shuffle(order, chance);
  for (const door of order) {
    const step = Math.floor(door / width) % 2 === 1 ? width : 1;
    const [one, other] = [find(door - step), find(door + step)];
    if (one === other && !chance.flip(loops)) continue;
    parent[one] = other;
    walls[door] = 0;
  }
  return walls;
}
