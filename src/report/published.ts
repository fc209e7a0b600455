import { isDeepStrictEqual } from "node:util";
import type { Scenario } from "../scenario/schema.ts";

/** A value that somebody published for an arm at a coverage. */
export interface PublishedValue {
  readonly arm: string;
  readonly coverage: number;
  readonly value: number;
}

/** What was published on a setting, to be drawn beside ours. */
interface Published {
  /** Options that a scenario has to have, and no key but the coverage swept. */
  readonly world: Readonly<Record<string, unknown>>;
  readonly oversight: Readonly<Record<string, unknown>>;
  /** What to read off it, and what not. */
  readonly note: string;
  readonly values: readonly PublishedValue[];
}

const PUBLISHED: readonly Published[] = [
  {
    // Final values of figure 6a of Cloud et al. 2024 (arXiv:2410.04332), oversight 10, 30, 80 and 100 %, read from the paper. Their metric is
    // the mean over time steps of the discounted return-to-go, in training, whose ceiling on this world is .908.
    world: {
      kind: "diamond-ghost",
      size: 5,
      walls: null,
      levels: "all",
      objects: "both",
      gap: null,
      observe: "absolute",
    },
    oversight: { kind: "terminal", visible: true },
    note: "Hollow: Cloud et al. 2024, figure 6a, in their stepwise metric in training (ceiling 0.908): compare shapes, not heights.",
    values: [
      { arm: "route", coverage: 0.1, value: 0.507 },
      { arm: "filter", coverage: 0.1, value: 0.14 },
      { arm: "naive", coverage: 0.1, value: 0.16 },
      { arm: "route", coverage: 0.3, value: 0.59 },
      { arm: "filter", coverage: 0.3, value: 0.636 },
      { arm: "naive", coverage: 0.3, value: 0.441 },
      { arm: "route", coverage: 0.8, value: 0.59 },
      { arm: "filter", coverage: 0.8, value: 0.767 },
      { arm: "naive", coverage: 0.8, value: 0.75 },
      { arm: "route", coverage: 1, value: 0.576 },
      { arm: "naive", coverage: 1, value: 0.751 },
    ],
  },
];

/** What was published on a scenario's setting; undefined where nothing was. */
export function publishedFor({ world, oversight, sweep }: Scenario): Published | undefined {
  const has = (options: Readonly<Record<string, unknown>>, wanted: Readonly<Record<string, unknown>>) =>
    Object.entries(wanted).every(([key, value]) => isDeepStrictEqual(options[key], value));
  if (!Object.keys(sweep).every((key) => key === "oversight.coverage")) return undefined;
  const own = { observe: "absolute", ...world };
  return PUBLISHED.find((entry) => has(own, entry.world) && has(oversight, entry.oversight));
}
