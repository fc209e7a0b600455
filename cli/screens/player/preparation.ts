import { grouped, pointText } from "../../../src/report/format.ts";
import type { Point } from "../../../src/scenario/sweep.ts";
import { type Actor, type Actors, createActors } from "../../policy/actors.ts";
import { parsePoint, type Wanted } from "../../policy/choice.ts";
import type { Capabilities } from "../../text/capabilities.ts";
import { shellWord } from "../../text/shell-words.ts";
import type { Player } from "./player.ts";
import type { createPlayer } from "./program.ts";
import { createFileSource, createPlayedSource } from "./source.ts";

/** What a player is to show, and where it is to stand. */
export interface PlayerRequest {
  /** The first one that the filter accepts, unless given. */
  readonly episode?: number;
  /** Steps to stand after; for the player. */
  readonly at: number;
  /** How many episodes of a policy there are to be listed, or recorded. */
  readonly episodes: number;
  readonly filter?: string;
  readonly compare?: readonly string[];
  readonly arm?: string;
  readonly seed?: number;
  /** `key.path=value` of the sweep. */
  readonly point?: readonly string[];
  readonly view?: string;
  readonly shift?: string;
  readonly set?: readonly string[];
}

export const wantedOf = (path: string, { arm, seed, point, view, shift, set }: PlayerRequest): Wanted => ({
  path,
  arm,
  seed,
  point: point && parsePoint(point, "--point"),
  view,
  shift,
  set,
});

/** A player that is ready to be opened on a terminal. */
interface Prepared {
  readonly program: Awaited<ReturnType<typeof createPlayer>>;
  /** After it has been closed. */
  dispose(): Promise<void>;
}

/**
 * The player of a run, a checkpoint or an episode file, its first episode loaded: what is wrong with the input is said before the terminal
 * is touched.
 *
 * @throws UserError
 */
export async function preparePlayer(
  path: string,
  request: PlayerRequest,
  capabilities: Capabilities,
): Promise<Prepared> {
  const { createPlayer } = await import("./program.ts");
  const actors = createActors();
  try {
    const opened = await openSource(path, request, actors);
    const program = await createPlayer({
      ...opened,
      actors,
      capabilities,
      ...(request.episode !== undefined && { episode: request.episode }),
      step: request.at,
      ...(request.filter !== undefined && { filter: request.filter }),
      ...(request.compare !== undefined && { compare: request.compare }),
      size: () => ({ columns: process.stdout.columns ?? 80, rows: process.stdout.rows ?? 24 }),
      commandOf: (player) => commandOf(path, request, player),
      // OSC 52; a terminal that does not know it ignores it.
      copy: (text) => void process.stdout.write(`\u001b]52;c;${Buffer.from(text).toString("base64")}\u0007`),
    });
    return { program, dispose: () => actors.dispose() };
  } catch (error) {
    await actors.dispose();
    throw error;
  }
}

async function openSource(path: string, request: PlayerRequest, actors: Actors) {
  if (!path.endsWith(".jsonl")) {
    const actor = await actors.openPolicy(wantedOf(path, request));
    return { who: actorName(actor), source: createPlayedSource(actor, request.episodes), actorOf: async () => actor };
  }
  const source = createFileSource(path, actors);
  const { checkpoint } = source.head;
  return {
    who: actorName(source.head),
    source,
    actorOf: async (index: number): Promise<Actor | null> => {
      const entry = source.entries[index];
      if (checkpoint === undefined || entry === undefined) return null;
      return actors.openPolicy({ path: checkpoint, view: entry.view, shift: entry.shift });
    },
  };
}

/** `route · seed 0 · oversight.coverage 0.1 · step 598,016`. */
export const actorName = ({ arm, seed, point = {}, step }: Named): string =>
  [arm, `seed ${seed}`, ...(Object.keys(point).length > 0 ? [pointText(point)] : []), `step ${grouped(step)}`].join(
    " · ",
  );

type Named = Pick<Actor, "arm" | "seed" | "step"> & { readonly point?: Point };

/** The command that shows the player as it stands. */
function commandOf(path: string, request: PlayerRequest, player: Player): string {
  const parts = ["halfwatch", "replay", shellWord(path)];
  const add = (name: string, value: string | number | undefined) => {
    if (value !== undefined && value !== "") parts.push(`--${name}`, shellWord(String(value)));
  };
  for (const name of ["arm", "seed", "view", "shift"] as const) add(name, request[name]);
  for (const term of request.point ?? []) add("point", term);
  for (const set of request.set ?? []) add("set", set);
  add("episode", Math.max(0, player.at));
  add("at", player.step);
  add("filter", player.filter.text);
  if (player.comparison !== null) add("compare", player.comparison.specs.join(","));
  return parts.join(" ");
}
