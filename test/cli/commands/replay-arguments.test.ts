import { globSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openPlayer } from "../../../cli/commands/replay.ts";
import { galleryFolder } from "../../../cli/screens/demo/gallery.ts";
import { PLAIN } from "../../../cli/text/capabilities.ts";
import { halfwatchHere } from "../here.ts";

/*
 * Options of `replay` that would change nothing of what is shown.
 */

const EPISODES = join(galleryFolder(), "route/episodes.jsonl");
const [CHECKPOINT] = globSync(join(galleryFolder(), "route/checkpoints/*.safetensors"));

const LIST =
  "--filter outcom:ghost: only the player and an episode file have a list; of a run one episode is told, by --episode\n  --record FILE without --filter writes the episodes of a run into such a file\n";
const AT = "--at 3: only the player begins there; in lines an episode is told whole\n";

test.each([
  [[CHECKPOINT, "--plain", "--filter", "outcom:ghost"], LIST],
  [[CHECKPOINT, "--plain", "--filter", "outcom:ghost"], LIST],
  [[CHECKPOINT, "--record", "never-written.jsonl", "--filter", "outcom:ghost"], LIST],
  [[CHECKPOINT, "--plain", "--at", "3"], AT],
  [[EPISODES, "--plain", "--at", "3"], AT],
  [[EPISODES, "--plain", "--filter", "outcom:ghost"], expect.stringMatching(/outcom; did you mean outcome\?/)],
])("%j", async (args, stderr) => {
  expect(await halfwatchHere(["replay", ...args])).toEqual({ code: 2, stdout: "", stderr });
});

test("the player does not begin after an episode's end", async () => {
  await expect(openPlayer(EPISODES, { episode: 0, at: 400, episodes: 1 }, PLAIN)).rejects.toThrow(
    /^--at 400: episode 0 has \d steps$/,
  );
});
