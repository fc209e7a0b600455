import { UserError } from "../../../src/core/errors.ts";
import { spacedMap } from "../../../src/envs/maps.ts";
import { drawBeginning } from "../../../src/evaluation/record.ts";
import { print, printJson, say } from "../../output.ts";
import { createActors } from "../../policy/actors.ts";
import type { Wanted } from "../../policy/choice.ts";
import { alignColumns } from "../../text/columns.ts";
import { short } from "../../text/numbers.ts";
import { mindsOf, playLanes } from "./comparison.ts";
import { divergenceOf } from "./divergence.ts";
import { arrange, EVERYTHING, parseFilter, unheardOf } from "./filter.ts";
import type { Shown } from "./shown-episode.ts";
import { createFileSource } from "./source.ts";

/*
 * What the player shows, in lines: for pipes, logs and people who cannot see a screen.
 */

interface Told {
  readonly episode?: number;
  readonly json?: boolean;
}

/** The list of a file's episodes, and the one that is asked for step by step. */
export async function tellRecorded(
  path: string,
  { episode, json, filter: text }: Told & { readonly filter?: string },
): Promise<void> {
  const actors = createActors();
  try {
    const source = createFileSource(path, actors);
    while (await source.more());
    const filter = text === undefined ? EVERYTHING : parseFilter(text, source.goals);
    const order = arrange(source.entries, filter, "as recorded");
    if (order.length === 0) {
      throw new UserError(
        `--filter ${filter.text}: ${unheardOf(filter, source.entries) ?? `no episode of ${path} fits`}`,
      );
    }
    const told = episode ?? order[0];
    if (told >= source.entries.length) {
      throw new UserError(`--episode ${told}: ${path} holds ${source.entries.length} episodes, numbered from 0`);
    }
    const shown = await source.load(told);
    if (json) {
      printJson({
        file: path,
        ...{ arm: source.head.arm, seed: source.head.seed, step: source.head.step },
        episodes: order.map((i) => ({ episode: i, ...source.entries[i] })),
        shown: { episode: told, ...summaryOf(shown) },
      });
      return;
    }
    const { goals } = source;
    print(
      alignColumns([
        ["episode", "shift", "view", "ended with", "label", "steps", ...goals],
        ...order.map((i) => {
          const { shift, view, outcome, label, steps, returns } = source.entries[i];
          return [
            String(i),
            shift,
            view,
            outcome,
            label,
            String(steps),
            ...goals.map((goal) => short(returns[goal], 2)),
          ];
        }),
      ]).join("\n"),
    );
    print(["", `episode ${told}:`, ...linesOf(shown)].join("\n"));
  } finally {
    await actors.dispose();
  }
}

/** Several minds on the same level: where they part, and what becomes of each. */
export async function tellComparison(
  wanted: Wanted,
  { episode = 0, json, compare }: Told & { readonly compare?: readonly string[] },
): Promise<void> {
  const actors = createActors();
  try {
    const actor = await actors.openPolicy(wanted);
    const beginning = drawBeginning(actor.stage, actor.seed, episode);
    const minds = (await mindsOf(compare ?? [], actor, actors)).map((each) => ({ ...each, beginning }));
    const lanes = await playLanes(actor, minds);
    const parted = divergenceOf(lanes);
    if (json) {
      const told = lanes.map(({ name, shown }) => ({ name, ...summaryOf(shown) }));
      printJson({
        checkpoint: actor.checkpoint,
        shift: actor.shift,
        seed: actor.seed,
        number: episode,
        divergence: parted,
        lanes: told,
      });
      return;
    }
    say(actor.checkpoint);
    print(
      parted === null
        ? "they never part"
        : `they part at step ${parted.step}: ${lanes.map(({ name }, l) => `${name} ${parted.actions[l] ?? "is over"}`).join(", ")}`,
    );
    for (const { name, shown } of lanes) print(["", `${name}:`, ...linesOf(shown)].join("\n"));
  } finally {
    await actors.dispose();
  }
}

function summaryOf({ trace, maps, actions, events, surprises }: Shown) {
  const { label, outcome, returns } = trace;
  return { map: maps[0].split("\n"), actions, events, outcome, label, returns, surprises };
}

/** A step a line, between the first map and what came of it. */
function linesOf({ trace, maps, actions, events, surprises, opinions, acting }: Shown): string[] {
  const said = (step: number) => surprises.filter((each) => each.step === step).map(({ about }) => about);
  const steps = actions.map((action, t) => {
    const row = opinions?.[t]?.probabilities[acting];
    const p = row === undefined ? "" : ` ${short(row[trace.actions[t]], 2)}`;
    return [`step ${t + 1}: ${action}${p}`, ...events[t], ...said(t)].join("  ");
  });
  const returns = Object.entries(trace.returns).map(([goal, value]) => `${goal} ${short(value)}`);
  return [
    ...spacedMap(maps[0]),
    ...steps,
    `${trace.outcome} after ${actions.length} steps · label ${trace.label} · return (discounted): ${returns.join(", ")}`,
  ];
}
