import fc from "fast-check";

// A test that fails must fail again: the same maps on every run.
fc.configureGlobal({ seed: 1 });

/** A random square map of 3 to 7 rows with walls, and its agent, Ghost and Diamond anywhere: connected or not. */
export const arbitraryMap: fc.Arbitrary<string> = fc.integer({ min: 3, max: 7 }).chain((size) =>
  fc
    .record({
      walls: fc.array(fc.integer({ min: 0, max: 99 }), { minLength: size * size, maxLength: size * size }),
      density: fc.integer({ min: 0, max: 50 }),
      objects: fc.uniqueArray(fc.integer({ min: 0, max: size * size - 1 }), { minLength: 3, maxLength: 3 }),
    })
    .map(({ walls, density, objects }) => {
      const letters: string[] = walls.map((wall) => (wall < density ? "#" : "."));
      for (const [i, cell] of objects.entries()) letters[cell] = "AGD"[i];
      const rows = Array.from({ length: size }, (_, r) => letters.slice(r * size, (r + 1) * size).join(""));
      return rows.join("\n");
    }),
);

/** The map in a mirror: east and west change places. */
export function mirror(map: string): string {
  return map
    .split("\n")
    .map((row) => [...row].reverse().join(""))
    .join("\n");
}

/** The map with rows and columns swapped: north and west change places, east and south too. */
export function transpose(map: string): string {
  const rows = map.split("\n");
  return rows.map((_, r) => rows.map((row) => row[r]).join("")).join("\n");
}
