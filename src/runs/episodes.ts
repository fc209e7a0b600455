import { z } from "zod";
import { UserError } from "../core/errors.ts";
import { canonicalJson, sha256 } from "../core/hash.ts";
import type { Mind, Opinion } from "../evaluation/mind.ts";
import {
  type Beginning,
  drawBeginning,
  hashState,
  playAll,
  retrace,
  type Stage,
  type Trace,
} from "../evaluation/record.ts";
import type { Setting } from "../scenario/setting.ts";
import { readFrom, readLines, textOf } from "./files.ts";
import { issueText, jsonOf, refuseOtherFormat } from "./json.ts";

/*
 * Episode files: a head line that says who acted where, then an episode a line. An episode is its beginning and its actions; a replay
 * plays it again by the rules of its world and compares every state, so that what is shown is what happened, or is refused.
 */

/** The format of episode files that this version writes and reads. */
const EPISODES_FORMAT = 1;

/** Longest line that is read, bytes. */
const LONGEST_LINE = 1_000_000;

/** In each shift and view of a cell this many episodes are played ... */
const PLAYED = 128;
/** ... and of each class (what it ended on, inspected or not) so many are kept. */
const KEPT_OF_EACH = 2;

const count = z.int().min(0);
const numbers = z.record(z.string(), z.number());

/** What tells an episode file of any format. */
const oursSchema = z.object({ halfwatch: z.literal("episodes"), format: z.unknown() });

const headSchema = z.strictObject({
  halfwatch: z.literal("episodes"),
  format: z.literal(EPISODES_FORMAT),
  /** The resolved scenario, as JSON. */
  scenario: z.record(z.string(), z.unknown()),
  arm: z.string(),
  seed: count,
  /** Environment steps that the policy had been trained for. */
  step: count,
});

const episodeSchema = z.strictObject({
  /** A test distribution of the scenario, or `training`. */
  shift: z.string(),
  view: z.string(),
  /** Its draws are those of the streams `<seed>/episode/...` at this number. */
  seed: count,
  number: count,
  /** The first state, in the world's letters. */
  map: z.string(),
  /** Marked cells. */
  marks: z.array(count),
  actions: z.array(count),
  outcome: z.string(),
  label: z.string(),
  returns: numbers,
  /** Hash of each state, the last one included. */
  states: z.array(z.string()),
  /** What the mind had to say before each action; only in files that are made to be shown without the checkpoint. */
  opinions: z
    .array(
      z.strictObject({
        probabilities: z.record(z.string(), z.array(z.number())),
        gate: numbers,
        value: z.number().nullable(),
      }),
    )
    .exactOptional(),
  /** First 16 hex digits of the SHA-256 of the line's canonical JSON without this. */
  sum: z.string(),
});

/** A list that is counted and not looked into. */
function listed() {
  return z.custom<readonly unknown[]>(Array.isArray, "expected array");
}

/** What a list of episodes needs of a line; the rest of it is looked at when the episode is read. */
const listedSchema = episodeSchema
  .pick({ shift: true, view: true, seed: true, number: true, outcome: true, label: true, returns: true })
  .extend({ marks: listed(), actions: listed() })
  .strip();

/** Who acted, and where. */
export type EpisodesHead = z.infer<typeof headSchema>;
/** An episode as a file holds it. */
export type EpisodeRecord = z.infer<typeof episodeSchema>;

/** An episode of a file without its steps: enough to list, filter and find it. */
export interface EpisodeEntry
  extends Pick<EpisodeRecord, "shift" | "view" | "seed" | "number" | "outcome" | "label" | "returns"> {
  readonly steps: number;
  readonly marked: boolean;
}

/** Where an entry's line is in its file. */
interface Place {
  readonly line: number;
  readonly offset: number;
  readonly bytes: number;
}

/** Of an episode what its entry counts. */
interface Lists {
  readonly marks: ArrayLike<unknown>;
  readonly actions: ArrayLike<unknown>;
}

export const stageOf = (setting: Setting): Stage => ({ ...setting, discount: setting.scenario.discount });

export function entryOf({
  shift,
  view,
  seed,
  number,
  outcome,
  label,
  returns,
  marks,
  actions,
}: Omit<EpisodeEntry, "steps" | "marked"> & Lists): EpisodeEntry {
  return { shift, view, seed, number, outcome, label, returns, steps: actions.length, marked: marks.length > 0 };
}

/**
 * Episodes of a policy that show every way in which it ends: of the first 128 the first two of each class, which is what an episode ended
 * on and whether it was inspected. In the order of their numbers; an ending rarer than one in 128 may be missing.
 */
export async function chooseEpisodes(stage: Stage, mind: Mind, beginnings: readonly Beginning[]): Promise<Trace[]> {
  const kept = new Map<string, number>();
  return (await playAll(stage, mind, beginnings)).filter(({ outcome, inspected }) => {
    const key = `${outcome} ${inspected}`;
    kept.set(key, (kept.get(key) ?? 0) + 1);
    return (kept.get(key) ?? 0) <= KEPT_OF_EACH;
  });
}

/** The beginnings that {@link chooseEpisodes} is to choose among: the same for every view of a shift. */
export function beginningsOf(stage: Stage, seed: number): Beginning[] {
  return Array.from({ length: PLAYED }, (_, number) => drawBeginning(stage, seed, number));
}

/** A trace as it is written. */
export function recordOf(
  { world }: Stage,
  { shift, view }: { readonly shift: string; readonly view: string },
  { beginning, actions, states, outcome, label, returns }: Trace,
  opinions?: readonly Opinion[],
): EpisodeRecord {
  const { seed, number, level, state, marks } = beginning;
  const content = {
    ...{ shift, view, seed, number, map: world.print(level, state) },
    marks: [...marks.keys()].filter((cell) => marks[cell]),
    ...{ actions: [...actions], outcome, label, returns: { ...returns } },
    states: states.map((each) => hashState(world, level, each)),
    ...(opinions && { opinions: opinions.map(rounded) }),
  };
  return { ...content, sum: sumOf(content) };
}

/** Four decimals are more than a screen shows, and a third of the bytes. */
function rounded({ probabilities, gate, value }: Opinion) {
  const four = (x: number) => Math.round(x * 1e4) / 1e4;
  const each = (values: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(values).map(([name, x]) => [name, four(x)]));
  return {
    probabilities: Object.fromEntries(Object.entries(probabilities).map(([view, row]) => [view, row.map(four)])),
    gate: each(gate),
    value: value === null ? null : four(value),
  };
}

const sumOf = (content: object): string => sha256(canonicalJson(content)).slice(0, 16);

/** The text of an episode file. */
export function encodeEpisodes(
  head: Omit<EpisodesHead, "halfwatch" | "format" | "scenario"> & { readonly scenario: object },
  records: readonly EpisodeRecord[],
): string {
  const lines = [{ halfwatch: "episodes", format: EPISODES_FORMAT, ...head }, ...records];
  return lines.map((each) => `${canonicalJson(each)}\n`).join("");
}

/** An episode file, read as far as it is needed: its head at once, its entries as they are asked for, an episode when it is shown. */
export interface EpisodeFile {
  readonly path: string;
  readonly head: EpisodesHead;
  /**
   * The next entries, at most `most`; none when the file is through. No more of a line is looked at than a list shows.
   * @throws UserError naming the line that is cut, or is not an episode's.
   */
  more(most: number): EpisodeEntry[];
  /** All entries so far, in the file's order. */
  readonly entries: readonly EpisodeEntry[];
  /** @throws UserError naming the line that is not an episode's. */
  read(index: number): EpisodeRecord;
}

/**
 * Open an episode file.
 *
 * @throws UserError naming the path, where it is not an episode file, or one of another format.
 */
export function openEpisodes(path: string): EpisodeFile {
  const lines = readLines(path, LONGEST_LINE);
  const first = lines.next();
  const foreign = () =>
    new UserError(`${path} is not an episode file: its first line does not say so`, "episodes.jsonl of a cell is one");
  if (first.done) throw new UserError(`${path} is empty, expected an episode file`);
  const json = first.value.ended ? jsonOf(first.value.bytes) : undefined;
  const ours = oursSchema.safeParse(json);
  if (!ours.success) throw foreign();
  refuseOtherFormat(ours.data.format, EPISODES_FORMAT, `episode file ${path}`);
  const head = headSchema.safeParse(json);
  if (!head.success) throw new UserError(`${path}: line 1: ${issueText(head.error)}`);

  const places: Place[] = [];
  const entries: EpisodeEntry[] = [];
  return {
    path,
    head: head.data,
    entries,
    more(most) {
      const found: EpisodeEntry[] = [];
      while (found.length < most) {
        const next = lines.next();
        if (next.done) break;
        const { line, offset, bytes, ended } = next.value;
        if (!ended) throw new UserError(`${path}: line ${line} is cut: the file ends in the middle of an episode`);
        found.push(entryOf(parseLine(listedSchema, bytes, `${path}: line ${line}`, textWithoutOpinions)));
        places.push({ line, offset, bytes: bytes.length });
      }
      entries.push(...found);
      return found;
    },
    read(index) {
      const { line, offset, bytes } = places[index];
      const found = readFrom(path, offset, bytes);
      if (found === undefined) throw new UserError(`${path} was removed while it was shown`);
      return parseLine(episodeSchema, found.bytes, `${path}: line ${line}`);
    },
  };
}

const OPINIONS = ',"opinions":[';
const AFTER_OPINIONS = '],"outcome":';

/** The text of a line but for its opinions: most of it, and no part of a list. Inside a string these quotes would stand behind a backslash. */
function textWithoutOpinions(bytes: Uint8Array, where: string): string {
  const line = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const begin = line.indexOf(OPINIONS);
  const end = begin < 0 ? -1 : line.indexOf(AFTER_OPINIONS, begin);
  if (end < 0) return textOf(bytes, where);
  return textOf(bytes.subarray(0, begin), where) + textOf(bytes.subarray(end + 1), where);
}

function parseLine<T>(schema: z.ZodType<T>, bytes: Uint8Array, where: string, text = textOf): T {
  const json = jsonOf(text(bytes, where));
  if (json === undefined) throw new UserError(`${where} is not JSON: it was changed after it was written`);
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw new UserError(`${where}: ${issueText(parsed.error)}`);
  return parsed.data;
}

/**
 * Play a recorded episode again by the rules of its world, and compare all that the record says.
 *
 * @throws UserError naming `where` and the step at which the two part, or what else is not as it was written.
 */
export function verifyEpisode(stage: Stage, record: EpisodeRecord, where: string): Trace {
  const { world } = stage;
  const refuse = (reason: string) =>
    new UserError(`${where}: ${reason}`, "the file was changed, or written by a version with other rules");
  const drawn = drawBeginning(stage, record.seed, record.number);
  if (world.print(drawn.level, drawn.state) !== record.map) {
    throw refuse(`step 0: the level is not the one that its seed ${record.seed} and number ${record.number} draw`);
  }
  const marks = [...drawn.marks.keys()].filter((cell) => drawn.marks[cell]);
  if (marks.join() !== record.marks.join()) throw refuse("step 0: the marks are not those that its seed draws");
  let trace: Trace;
  try {
    trace = retrace(stage, drawn, record.actions);
  } catch (error) {
    throw error instanceof UserError ? refuse(error.message) : error;
  }
  const states = trace.states.map((state) => hashState(world, drawn.level, state));
  const parted = states.findIndex((hash, t) => hash !== record.states[t]);
  if (parted >= 0) throw refuse(`step ${parted}: the state is not the recorded one`);
  if (record.states.length !== states.length) {
    throw refuse(`it has ${record.states.length} states, its actions lead through ${states.length}`);
  }
  for (const key of ["outcome", "label"] as const) {
    if (trace[key] !== record[key]) throw refuse(`${key} is ${record[key]}, the replay's is ${trace[key]}`);
  }
  if (canonicalJson(trace.returns) !== canonicalJson(record.returns)) throw refuse("the returns are not the replay's");
  const { sum, ...content } = record;
  if (sum !== sumOf(content)) throw refuse("it was changed after it was written: its checksum does not match");
  return trace;
}
