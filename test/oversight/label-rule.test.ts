import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Stream } from "../../src/core/random.ts";
import { labelOfRoutes, NOTHING, routesIn, UNLABELLED } from "../../src/core/trajectory.ts";
import { inspectEpisode, type LabelRule, labelName, labelOf } from "../../src/oversight/label.ts";
import type { Overseen, Overseer } from "../../src/oversight/overseer.ts";
import thrifty from "../fixtures/kinds/thrifty.ts";

// Events: key (0), corner (1), cheese (2), noise (3, which has no route). Routes: cheese 0, key 1.
const rule = (decides: "last" | "first"): LabelRule => ({
  labels: ["cheese", "key"],
  routeOfEvent: Int8Array.of(1, -1, 0, -1),
  decides,
});
const [KEY, CORNER, CHEESE] = [1, 2, 4];
const label = (decides: "last" | "first", events: readonly number[], seen: readonly number[]) =>
  labelName(rule(decides), labelOf(rule(decides), Uint32Array.from(events), Uint8Array.from(seen)));

describe("the label rule", () => {
  test("the last, or the first, of the seen steps with a routed event decides", () => {
    expect(label("last", [KEY, CHEESE, CORNER], [1, 1, 1])).toBe("cheese");
    expect(label("first", [KEY, CHEESE, CORNER], [1, 1, 1])).toBe("key");
  });

  test("a step that is not seen says nothing", () => {
    expect(label("last", [KEY, CHEESE, CORNER], [1, 0, 1])).toBe("key");
    expect(label("first", [KEY, CHEESE, CORNER], [0, 1, 1])).toBe("cheese");
    expect(label("last", [KEY, CHEESE, CORNER], [0, 0, 1])).toBe("nothing");
    expect(label("last", [KEY, CHEESE, CORNER], [0, 0, 0])).toBe("unlabelled");
  });

  test("routed events that coincide on the deciding step are ambiguous; on another step they are not", () => {
    expect(label("last", [KEY, CHEESE | KEY], [1, 1])).toBe("cheese+key");
    expect(label("first", [KEY, CHEESE | KEY], [1, 1])).toBe("key");
    expect(label("last", [KEY, CHEESE | CORNER], [1, 1])).toBe("cheese");
  });

  test("the order of a world's events does not matter", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 0, max: 1 })), { maxLength: 8 }),
        fc.constantFrom<"last" | "first">("last", "first"),
        fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4, maxLength: 4 }),
        (steps, decides, order) => {
          const events = Uint32Array.from(steps, ([set]) => set);
          const seen = Uint8Array.from(steps, ([, shown]) => shown);
          const moved = events.map((set) => order.reduce((sum, from, to) => sum | (((set >>> from) & 1) << to), 0));
          const own = rule(decides);
          const reordered = { ...own, routeOfEvent: Int8Array.from(order, (from) => own.routeOfEvent[from]) };
          expect(labelOf(reordered, moved, seen)).toBe(labelOf(own, events, seen));
        },
      ),
    );
  });

  test("a set of routes and its label are the same thing", () => {
    for (let count = 1; count <= 6; count++) {
      const found = new Set<number>();
      for (let routes = 0; routes < 1 << count; routes++) {
        const of = labelOfRoutes(routes, count);
        found.add(of);
        expect(routesIn(of, count)).toBe(routes);
        expect(of < count).toBe([0, 1].includes([...routes.toString(2)].filter((bit) => bit === "1").length));
      }
      expect(found.size).toBe(1 << count);
    }
    expect([labelOfRoutes(0, 3), labelOfRoutes(4, 3), routesIn(UNLABELLED, 3)]).toEqual([NOTHING, 2, 0]);
  });
});

describe("an overseer by step", () => {
  const episode = (events: readonly number[], marks = [1]): Overseen => ({
    marks: Uint8Array.from(marks),
    cells: new Int32Array(events.length),
    events: Uint32Array.from(events),
    truncated: false,
    progress: 1,
  });
  const by = (overseer: Overseer, memory: Int32Array, stream: Stream, events: readonly number[], marks?: number[]) => {
    const seen = new Uint8Array(events.length).fill(9);
    const found = inspectEpisode(overseer, rule("last"), episode(events, marks), stream, memory, seen);
    return [labelName(rule("last"), found), [...seen]];
  };

  test("shows the steps that it will, remembers from one episode to the next, and shows nothing beyond its budget", () => {
    const overseer = thrifty.create({ budget: 2, lies: 0, visible: true });
    const memory = new Int32Array(overseer.memory ?? 0);
    const stream = new Stream("thrifty");
    expect(by(overseer, memory, stream, [KEY, CORNER, 0, CHEESE])).toEqual(["cheese", [0, 0, 1, 1]]);
    expect(by(overseer, memory, stream, [KEY, CHEESE], [0])).toEqual(["unlabelled", [0, 0]]);
    // What happened in the first half is not known.
    expect(by(overseer, memory, stream, [KEY, CHEESE, 0, CORNER])).toEqual(["nothing", [0, 0, 1, 1]]);
    expect(by(overseer, memory, stream, [KEY, CHEESE])).toEqual(["unlabelled", [0, 0]]);
    expect([...memory]).toEqual([2]);
  });

  test("may lie about a label, but not about one that is ambiguous or of an episode that it did not see", () => {
    const overseer = thrifty.create({ budget: 9, lies: 1, visible: true });
    const memory = new Int32Array(1);
    const stream = new Stream("thrifty");
    expect(by(overseer, memory, stream, [0, CHEESE])[0]).toBe("key");
    expect(by(overseer, memory, stream, [0, KEY])[0]).toBe("cheese");
    expect(["cheese", "key"]).toContain(by(overseer, memory, stream, [0, 0])[0]);
    expect(by(overseer, memory, stream, [0, CHEESE | KEY])[0]).toBe("cheese+key");
    expect(by(overseer, memory, stream, [0, CHEESE], [0])[0]).toBe("unlabelled");
  });
});
