import { writeFileSync } from "node:fs";
import { UserError } from "../../../src/core/errors.ts";
import type { Beginning } from "../../../src/evaluation/record.ts";
import { fileError } from "../../../src/runs/files.ts";
import { wordsIn } from "../../arguments/names.ts";
import type { Actor, Actors } from "../../policy/actors.ts";
import type { Capabilities } from "../../text/capabilities.ts";
import { toText } from "../../tui/ansi.ts";
import type { Program, Screen } from "../../tui/program.ts";
import { fitFrame, type Size } from "../../tui/span.ts";
import { toSvg } from "../../tui/svg.ts";
import { type Compared, candidatesOf, mindsOf, ownMind, playLanes } from "./comparison.ts";
import { playerKeys, playerMouse, playerSigns } from "./keys.ts";
import { pageOf } from "./list-view.ts";
import { beginPlayer, lengthOf, messageOf, type Player, type PlayerAction, playerReducer } from "./player.ts";
import { viewPlayer } from "./player-view.ts";
import type { EpisodeSource } from "./source.ts";

/** Steps a second at speed 1. */
const PACE = 2;
/** Milliseconds between two ticks at least; faster than that, a tick is several steps. */
const TICK = 33;
/** Milliseconds between two looks at a list that grows: each filters and sorts all of it. */
const NEWS = 100;
/** The head, a rule, and the three rows at the foot. */
const AROUND_LIST = 5;

export interface PlayerOptions {
  readonly who: string;
  readonly source: EpisodeSource;
  /** Who acted in an entry of the source; null where its checkpoint is not there. */
  readonly actorOf: (index: number) => Promise<Actor | null>;
  readonly actors: Actors;
  /** The first one that the filter accepts, unless given. */
  readonly episode?: number;
  readonly step: number;
  readonly filter?: string;
  /** A comparison to begin with. */
  readonly compare?: readonly string[];
  readonly capabilities: Capabilities;
  readonly size: () => Size;
  /** The command line that shows a state of the player again. */
  readonly commandOf: (player: Player) => string;
  /** Put a text into the terminal's clipboard. */
  readonly copy: (text: string) => void;
}

/** The player as a program, its first episode loaded; what it was asked to print is in `printed` when it has been closed. */
export async function createPlayer(
  options: PlayerOptions,
): Promise<Program<Player, PlayerAction> & { readonly printed: string[] }> {
  const { source, actors, capabilities } = options;
  const printed: string[] = [];
  let timer: { readonly rate: number; readonly stop: () => void } | undefined;
  let candidates: readonly string[] = [];
  /** The minds of the comparison as they were given, to play them again on a changed level. */
  let minds: readonly Compared[] = [];
  let isFinding = false;
  let isClosed = false;

  const filtered = (player: Player): Player =>
    options.filter === undefined
      ? player
      : playerReducer(
          { ...player, prompt: { kind: "filter", text: options.filter, suggestions: [], at: -1 } },
          { kind: "submit" },
        );
  const asked = options.episode ?? 0;
  const begun = { ...beginPlayer(options.who, source.goals, asked, options.step), entries: source.entries };
  await findUpTo(source, asked);
  const withEntries = (player: Player, growing: boolean) =>
    playerReducer(player, { kind: "entries", entries: [...source.entries], growing });
  let listed = filtered(withEntries(begun, true));
  if (listed.notice?.bad) throw new UserError(listed.notice.text);
  // A filter opens on an episode that it accepts, where there is one.
  while (listed.seeking && (await source.more())) listed = withEntries(listed, true);
  const index = options.episode ?? listed.wanted;
  const shown = await source.load(index);
  const alone = playerReducer(
    { ...listed, wanted: index, seeking: false, landing: options.step, notice: null },
    { kind: "shown", index, shown },
  );
  const compared =
    options.compare === undefined
      ? alone
      : playerReducer(alone, { kind: "lanes", comparison: await compare(options.compare, alone) });
  const steps = lengthOf(compared);
  if (options.step > steps) throw new UserError(`--at ${options.step}: episode ${index} has ${steps} steps`);
  const start = { ...compared, step: options.step };

  /** Pages are as long as the terminal is high. */
  function withPage(player: Player, { rows }: Size): Player {
    const page = pageOf(rows - AROUND_LIST);
    return page === player.page ? player : { ...player, page };
  }

  /** Errors of a user's making are said at the foot; others end the player. */
  function attempt(screen: Screen<PlayerAction>, action: () => Promise<void>): void {
    action().catch((error: unknown) => {
      if (isClosed) return;
      if (error instanceof UserError) screen.dispatch({ kind: "notice", text: messageOf(error), bad: true });
      else screen.fail(error);
    });
  }

  async function load(index: number, screen: Screen<PlayerAction>): Promise<void> {
    await findUpTo(source, index);
    const shown = await source.load(index);
    screen.dispatch({ kind: "shown", index, shown });
    const actor = await options.actorOf(index);
    candidates = actor === null ? [] : candidatesOf(actor);
  }

  /** Find out about all entries, a batch at a time, so that keys are heard in between. */
  async function find(screen: Screen<PlayerAction>): Promise<void> {
    if (isFinding) return;
    isFinding = true;
    let told = performance.now();
    for (let growing = true; growing && !isClosed; ) {
      growing = await source.more();
      if (!growing || performance.now() - told > NEWS) {
        screen.dispatch({ kind: "entries", entries: [...source.entries], growing });
        told = performance.now();
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    isFinding = false;
  }

  async function compare(specs: readonly string[], player: Player): Promise<NonNullable<Player["comparison"]>> {
    const { shown } = player;
    const actor = await options.actorOf(player.at);
    if (shown === null || actor === null)
      throw new UserError("there is no checkpoint beside this file, so nobody can be asked");
    minds = await mindsOf(specs, actor, actors);
    const { beginning } = shown.trace;
    const lanes = await playLanes(
      actor,
      minds.map((each) => ({ ...each, beginning })),
    );
    return { specs, lanes, edited: false };
  }

  /** Play the changed level: beside the old one where one mind is there, else with all of them. */
  async function rerun(player: Player, screen: Screen<PlayerAction>): Promise<void> {
    const { shown, edit, comparison } = player;
    const actor = await options.actorOf(player.at);
    if (shown === null || edit === null || actor === null) return;
    const { world } = actor.stage;
    const { seed, number } = shown.trace.beginning;
    const state = new Int32Array(world.stateSize);
    const level = world.parse(edit.map, state);
    const marks = new Uint8Array(world.height * world.width);
    for (const cell of edit.marks) marks[cell] = 1;
    const beginning: Beginning = { seed, number, level, state, marks };
    const own = ownMind(actor);
    const asked =
      comparison !== null && comparison.specs.length > 0
        ? minds.map((each) => ({ ...each, beginning }))
        : [
            { ...own, name: "as it was", beginning: shown.trace.beginning },
            { ...own, name: "changed", beginning },
          ];
    const lanes = await playLanes(actor, asked);
    const changed = { specs: comparison?.specs ?? [], lanes, edited: true };
    screen.dispatch({ kind: "lanes", comparison: changed, of: player.at });
  }

  function keepTime(player: Player, screen: Screen<PlayerAction>): void {
    const rate = player.playing ? PACE * player.speed : 0;
    if ((timer?.rate ?? 0) === rate) return;
    timer?.stop();
    timer = undefined;
    if (rate === 0) return;
    const every = Math.max(TICK, 1000 / rate);
    const steps = Math.max(1, Math.round((rate * every) / 1000));
    const handle = setInterval(() => screen.dispatch({ kind: "tick", steps }), every);
    timer = { rate, stop: () => clearInterval(handle) };
  }

  /** Visits of cells, over the episodes that the filter accepts. */
  async function countVisits(player: Player, screen: Screen<PlayerAction>): Promise<void> {
    const { shown, order } = player;
    if (shown === null) return;
    const visits = new Array<number>(shown.scene.height * shown.scene.width).fill(0);
    for (const [done, index] of order.entries()) {
      const cells = await source.cells(index);
      for (let t = 0; t < cells.length - 1; t++) visits[cells[t]]++;
      if (done % 200 === 199) await new Promise((resolve) => setTimeout(resolve, 0));
      if (isClosed) return;
    }
    screen.dispatch({ kind: "visits", visits });
  }

  function save(player: Player, form: "svg" | "txt"): string {
    const { columns, rows } = options.size();
    const frame = fitFrame(viewPlayer(player, { columns, rows: rows - 1 }, capabilities), { columns, rows: rows - 1 });
    const name = `halfwatch-episode${player.entries[player.at]?.number ?? 0}-step${player.step}`;
    const text = form === "svg" ? toSvg(frame, `${player.who}, ${name}`) : `${toText(frame).join("\n")}\n`;
    for (let copy = 1; ; copy++) {
      const path = `${name}${copy === 1 ? "" : `-${copy}`}.${form}`;
      try {
        writeFileSync(path, text, { flag: "wx" });
        return path;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw fileError("write", path, error);
      }
    }
  }

  return {
    title: "player",
    printed,
    start,
    reduce: (player, action, size) => playerReducer(withPage(player, size), action),
    view: (player, size) => viewPlayer(player, size, capabilities),
    keys: (player) => playerKeys(player, candidates),
    signs: playerSigns,
    mouse: (player, mouse, size) => playerMouse(player, mouse, size),
    effect: (action, screen, player, before) => {
      if (player.wanted !== before.wanted) attempt(screen, () => load(player.wanted, screen));
      const isNew =
        before.overlay !== "visits" || before.visits !== null || (before.order !== player.order && !player.growing);
      if (player.overlay === "visits" && player.visits === null && isNew) {
        attempt(screen, () => countVisits(player, screen));
      }
      keepTime(player, screen);
      switch (action.kind) {
        case "start":
          attempt(screen, async () => {
            const actor = await options.actorOf(player.at);
            candidates = actor === null ? [] : candidatesOf(actor);
            await find(screen);
          });
          break;
        case "submit":
          if (before.prompt?.kind === "compare" && before.prompt.text !== "") {
            const { text } = before.prompt;
            const specs = [...(before.comparison?.specs ?? []), ...wordsIn(text).filter(Boolean)].slice(-2);
            attempt(screen, async () => {
              try {
                screen.dispatch({ kind: "lanes", comparison: await compare(specs, player), of: player.at });
              } catch (error) {
                if (!(error instanceof UserError)) throw error;
                screen.dispatch({ kind: "refused", text, suggestions: candidates, message: messageOf(error) });
              }
            });
          }
          break;
        case "rerun":
          attempt(screen, () => rerun(player, screen));
          break;
        case "save-svg":
        case "save-text":
          attempt(screen, async () => {
            screen.dispatch({
              kind: "notice",
              text: `saved as ${save(player, action.kind === "save-svg" ? "svg" : "txt")}`,
            });
          });
          break;
        case "command": {
          const command = options.commandOf(player);
          printed.push(command);
          options.copy(command);
          const left = player.comparison?.edited ? "copied, but for what was edited" : "copied";
          screen.dispatch({ kind: "notice", text: `${left}: ${command}` });
          break;
        }
        case "quit":
          isClosed = true;
          timer?.stop();
          screen.close();
          break;
      }
    },
  };
}

/** @throws UserError where there are not so many episodes. */
async function findUpTo(source: EpisodeSource, index: number): Promise<void> {
  while (source.entries.length <= index) if (!(await source.more())) break;
  if (index < source.entries.length) return;
  throw new UserError(`there is no episode ${index}: there are ${source.entries.length}, numbered from 0`);
}
