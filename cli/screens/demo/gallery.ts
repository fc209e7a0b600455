import { join } from "node:path";
import { z } from "zod";
import { UserError } from "../../../src/core/errors.ts";
import { canonicalJson, sha256 } from "../../../src/core/hash.ts";
import type { EpisodeEntry } from "../../../src/runs/episodes.ts";
import { readText } from "../../../src/runs/files.ts";
import { issueText, jsonOf } from "../../../src/runs/json.ts";
import { packageRoot } from "../../package.ts";
import type { Lane } from "../player/divergence.ts";
import { viewsOf } from "../player/player.ts";
import { createFileSource, type Head } from "../player/source.ts";

/*
 * The gallery: recorded episodes of trained agents that come with the program, and what was measured of those agents. scripts/gallery.ts
 * makes it of run directories; gallery/README.md has the commands.
 */

/** The format of gallery/scenes.json. */
const FORMAT = 1;

const SCENE_NAMES = ["open", "maze", "hidden"] as const;
export type SceneName = (typeof SCENE_NAMES)[number];

const count = z.int().min(0);

/** The evaluation of an agent's last checkpoint under the scene's shift and the lane's view, for a seed of the training. */
const measuredSchema = z.strictObject({
  seed: count,
  /** Levels that it was computed over, and whether those are all that there are. */
  levels: z.int().min(1),
  all: z.boolean(),
  /** Fraction of the episodes that end on each event, or by time. */
  rates: z.record(z.string(), z.number().min(0).max(1)),
});

const laneSchema = z.strictObject({
  /** A folder of the gallery with the agent's episodes.jsonl. */
  agent: z.string().regex(/^[a-z0-9-]+$/),
  /** Which episode of that file. */
  episode: count,
  /** The seed that is shown first, then the others that were trained. */
  measured: z.array(measuredSchema).min(1),
});

const contentSchema = z.strictObject({
  halfwatch: z.literal("gallery"),
  format: z.literal(FORMAT),
  /** Two agents on the same level, chosen by the rule of scripts/gallery.ts. */
  scenes: z
    .array(z.strictObject({ name: z.enum(SCENE_NAMES), lanes: z.tuple([laneSchema, laneSchema]) }))
    .length(SCENE_NAMES.length),
});
const fileSchema = contentSchema.extend({ sum: z.string() });

export type GalleryContent = z.infer<typeof contentSchema>;
export type Measured = z.infer<typeof measuredSchema>;

/** A lane of a scene: an episode, who acted in it, and how typical it is. */
interface SceneLane extends Lane {
  /** Its episode file, and its place there. */
  readonly path: string;
  readonly index: number;
  readonly head: Head;
  readonly entry: EpisodeEntry;
  readonly measured: readonly Measured[];
}

/** What the gallery holds of a scene. */
export interface Exhibit {
  readonly name: SceneName;
  readonly goals: readonly string[];
  readonly lanes: readonly [SceneLane, SceneLane];
}

/** The gallery of this package. */
export const galleryFolder = (): string => join(packageRoot(), "gallery");

/** The text of a scenes.json. */
export function encodeGallery(content: GalleryContent): string {
  return `${JSON.stringify({ ...content, sum: sumOf(content) }, null, 2)}\n`;
}

const sumOf = (content: GalleryContent): string => sha256(canonicalJson(content)).slice(0, 16);

/**
 * The scenes of a gallery; every episode is played again by the rules of its world and compared.
 *
 * @throws UserError naming the file that is missing or not as it was written.
 */
export async function readGallery(folder: string): Promise<Exhibit[]> {
  const path = join(folder, "scenes.json");
  const changed = (reason: string) =>
    new UserError(`${path}: ${reason}`, "the gallery comes with the program: install it again");
  const parsed = fileSchema.safeParse(jsonOf(readText(path)));
  if (!parsed.success) throw changed(issueText(parsed.error));
  const { sum, ...content } = parsed.data;
  if (sum !== sumOf(content)) throw changed("it was changed after it was written: its checksum does not match");
  const exhibits: Exhibit[] = [];
  for (const { name, lanes } of content.scenes) {
    const [left, right] = lanes;
    const both = [await readLane(folder, left), await readLane(folder, right)] as const;
    exhibits.push({ name, goals: both[0].goals, lanes: [both[0].lane, both[1].lane] });
  }
  return exhibits;
}

async function readLane(folder: string, { agent, episode, measured }: z.infer<typeof laneSchema>) {
  const path = join(folder, agent, "episodes.jsonl");
  // What the minds thought is in the file: nobody has to be loaded and asked.
  const source = createFileSource(path, null);
  while (source.entries.length <= episode) {
    if (!(await source.more())) throw new UserError(`${path}: there is no episode ${episode}`);
  }
  const shown = await source.load(episode);
  const { head, entries, goals } = source;
  const lane: SceneLane = {
    // An agent without modules has one view.
    name: viewsOf(shown).length > 1 ? `${head.arm} ${shown.acting}` : head.arm,
    shown,
    path,
    index: episode,
    head,
    entry: entries[episode],
    measured,
  };
  return { goals, lane };
}
