import { UserError } from "../../../src/core/errors.ts";
import { canonicalJson } from "../../../src/core/hash.ts";
import type { Mind } from "../../../src/evaluation/mind.ts";
import { type Beginning, playAll } from "../../../src/evaluation/record.ts";
import type { Point } from "../../../src/scenario/sweep.ts";
import type { Actor, Actors } from "../../policy/actors.ts";
import { othersOf, parsePoint, runOf } from "../../policy/choice.ts";
import type { Lane } from "./divergence.ts";
import { showEpisode } from "./shown-episode.ts";

const FORMS =
  "ablate:MODULE, only:MODULE, steer:MODULE=SCALE, full, arm:NAME, seed:N, step:N, point:KEY=VALUE, oracle, optimal:GOAL";

/** A mind of a comparison. Those of one `who` are the same. */
export interface Compared {
  readonly name: string;
  readonly mind: Mind;
  readonly view: string;
  readonly who: string;
}

/** The mind of the episode itself. */
export const ownMind = ({ arm, view, mind, checkpoint }: Actor): Compared => ({
  ...{ name: `${arm} ${view}`, mind, view },
  who: `${checkpoint} ${view}`,
});

/** The actor's mind and those that a comparison names. @throws UserError for what there is not, and for a mind that stands there twice. */
export async function mindsOf(specs: readonly string[], actor: Actor, actors: Actors): Promise<Compared[]> {
  const minds = [ownMind(actor)];
  for (const spec of specs) {
    const mind = await mindOf(spec, actor, actors);
    const twin = minds.find(({ who }) => who === mind.who);
    if (twin !== undefined) {
      throw new UserError(
        `--compare ${spec}: that is ${twin.name} itself`,
        "compare with another view, arm, seed or step",
      );
    }
    minds.push(mind);
  }
  return minds;
}

/** The mind that a comparison names, seen from an actor. @throws UserError for what there is not. */
export async function mindOf(spec: string, actor: Actor, actors: Actors): Promise<Compared> {
  const [, form = "", value = ""] = /^([a-z]+)(?::(.*))?$/s.exec(spec) ?? [];
  const { shift, set, checkpoint, arm, seed, view } = actor;
  const other = async (change: { arm?: string; seed?: number; step?: number; point?: Point }) => {
    const run = runOf(checkpoint);
    if (run === undefined)
      throw new UserError(`--compare ${spec}: ${checkpoint} does not stand in a run`, "give a run instead");
    // An arm of one module has no view of two, and the other way round: then it acts as it is deployed.
    const wanted = { path: run, arm, seed, point: actor.point, ...change, shift, set };
    const loaded = await actors.openPolicy(wanted);
    if (canonicalJson(loaded.scenario.world) !== canonicalJson(actor.scenario.world))
      throw new UserError(
        `--compare ${spec}: it was trained in another world`,
        "levels of one mean nothing in the other",
      );
    const same = loaded.modules.join() === actor.modules.join();
    return same && loaded.view !== view ? actors.openPolicy({ ...wanted, view }) : loaded;
  };
  const named = (of: Actor): Compared => ({ ...ownMind(of), name: spec });
  switch (form) {
    case "full":
    case "only":
    case "ablate":
    case "steer":
      return named(await actors.openPolicy({ path: checkpoint, view: spec, shift, set }));
    case "oracle":
      return named(await other({ arm: "oracle" }));
    case "arm":
      return named(await other({ arm: value }));
    case "seed":
    case "step": {
      const number = /^(\d[\d_]*|\d{1,3}(,\d{3})+)$/.test(value) ? Number(value.replace(/[,_]/g, "")) : Number.NaN;
      if (!Number.isSafeInteger(number)) throw new UserError(`--compare ${spec}: expected a number after ${form}:`);
      return named(await other(form === "seed" ? { seed: number } : { step: number }));
    }
    case "point":
      return named(await other({ point: { ...actor.point, ...parsePoint([value], `--compare ${form}:`) } }));
    case "optimal": {
      const mind = actors.optimal(actor, value === "" ? "true" : value);
      return { name: spec, mind, view: mind.name, who: mind.name };
    }
    default:
      throw new UserError(`--compare ${spec}: unknown form, expected ${FORMS}`);
  }
}

/** What can be compared with an actor, the most telling first. */
export function candidatesOf(actor: Actor): string[] {
  const { modules, view, arm, seed, point, step, checkpoint, stage } = actor;
  const several = modules.length > 1;
  const { arms, seeds, points, steps } = othersOf(checkpoint);
  const earlier = steps.filter((each) => each < step);
  return [
    ...(several
      ? ["full", ...modules.map((module) => `only:${module}`), ...modules.map((module) => `ablate:${module}`)]
      : []),
    ...arms.filter((name) => name !== arm).map((name) => `arm:${name}`),
    ...seeds.filter((each) => each !== seed).map((each) => `seed:${each}`),
    ...points.flatMap((each) => changeOf(point, each) ?? []).map((change) => `point:${change}`),
    ...earlier.filter((_, i) => i === 0 || i === Math.floor(earlier.length / 2)).map((each) => `step:${each}`),
    ...(stage.world.deterministic ? stage.goals.map(({ name }) => `optimal:${name}`) : []),
  ].filter((spec) => spec !== view);
}

/**
 * What another point has changed, as `key=value`; null unless it is one key that a term can name, in the same world. Points of one run
 * may have different keys: a value that only the other one has is a change, one that it lacks is a change that no term can name.
 */
function changeOf(point: Point, other: Point): string | null {
  const keys = [...new Set([...Object.keys(point), ...Object.keys(other)])];
  const changed = keys.filter((key) => canonicalJson({ is: point[key] }) !== canonicalJson({ is: other[key] }));
  const [key] = changed;
  if (changed.length !== 1 || !Object.hasOwn(other, key)) return null;
  const value = other[key];
  return typeof value === "object" || key.startsWith("world.") ? null : `${key}=${value}`;
}

/** Let minds act from the same beginning, or each from its own; all draw from the streams of the beginning's seed and number. */
export async function playLanes(
  { stage }: Actor,
  minds: readonly { name: string; mind: Mind; view: string; beginning: Beginning }[],
): Promise<Lane[]> {
  const lanes: Lane[] = [];
  for (const { name, mind, view, beginning } of minds) {
    const [trace] = await playAll(stage, mind, [beginning]);
    lanes.push({ name, shown: await showEpisode(stage, trace, mind, view) });
  }
  return lanes;
}
