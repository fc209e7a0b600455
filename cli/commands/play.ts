import { UserError } from "../../src/core/errors.ts";
import { loadScenario, withShift } from "../../src/experiment/scenario.ts";
import { createSetting } from "../../src/experiment/setting.ts";
import { liveCapabilities } from "../capabilities.ts";
import { short } from "../numbers.ts";
import { alignColumns, print, say } from "../output.ts";
import { checkPlayable, seenBy, wholeOf } from "../play/game.ts";
import { ending, overseerSaid, playProgram } from "../play/program.ts";
import { beginSession, play, type Score, type Session, total } from "../play/session.ts";
import { readScenarioText } from "../scenarios.ts";
import { openScreen } from "../tui/open.ts";

export interface PlayOptions {
  readonly level: number;
  readonly seed: number;
  readonly shift?: string;
  readonly set?: readonly string[];
  readonly plain?: boolean;
}

const MOST_MOVES = 100_000;

/** A person plays a scenario's levels as an agent would, and is scored against the exact optimum of each goal. */
export async function run([path]: readonly string[], options: PlayOptions): Promise<void> {
  const { scenario } = loadScenario({ path, readText: readScenarioText, set: options.set ?? [], sweep: "ignore" });
  const setting = createSetting(options.shift === undefined ? scenario : withShift(scenario, options.shift));
  checkPlayable(setting);
  const session = beginSession({ setting, seed: options.seed }, options.level);
  if (options.plain) {
    playLines(session, await readMoves());
    return;
  }
  const capabilities = liveCapabilities(options);
  if (capabilities === null) {
    throw new UserError("play needs a terminal", "--plain reads moves from standard input, a level a line: echo nnee");
  }
  const program = playProgram(session, options.shift ?? "training");
  const last = await (await openScreen(program, { capabilities })).closed;
  if (last.scores.size > 0) print(tellTotal(last).join("\n"));
}

/** The lines of standard input, blanks left out. */
async function readMoves(): Promise<string[]> {
  let text = "";
  for await (const chunk of process.stdin.setEncoding("utf8")) {
    text += chunk;
    if (text.length > MOST_MOVES) throw new UserError(`standard input: found more than ${MOST_MOVES} moves`);
  }
  return text
    .trimEnd()
    .split("\n")
    .map((each) => each.replace(/[ \t\r]/g, ""));
}

/** A level a line, a letter a move: the first letter of the action's name. A line without moves passes its level by. */
function playLines(start: Session, lines: readonly string[]): void {
  const moves = lines.map((text, l) => readLine(text, l + 1, start.course.setting.world.actions));
  let session = start;
  for (const [l, actions] of moves.entries()) {
    const { course, game } = session;
    const before = drawPlain(seenBy(course, game));
    for (const action of actions) session = play(session, { action });
    session = play(session, "leave");
    const { steps } = session.game;
    print(`${l > 0 ? "\n" : ""}level ${game.number}`);
    print(sideBySide(before, drawPlain(wholeOf(course, session.game))).join("\n"));
    if (steps > 0) {
      print(`${ending(session)}. ${overseerSaid(session)}`);
      print(tellScores(session, session.scores.get(game.number) ?? []).join("\n"));
    } else print("passed by");
    if (steps < actions.length) say(`moves line ${l + 1}: ${actions.length - steps} after the end, not played`);
    session = play(session, "next");
  }
  if (session.scores.size > 1) print(["", ...tellTotal(session)].join("\n"));
}

/** Action numbers of a line of moves. */
function readLine(text: string, number: number, names: readonly string[]): number[] {
  const letters = names.map((name) => name[0]);
  return [...text].map((letter, c) => {
    const action = letters.indexOf(letter.toLowerCase());
    if (action >= 0) return action;
    throw new UserError(
      `moves line ${number}, column ${c + 1}: found '${letter}', expected one of ${letters.join(" ")}`,
      names.map((name) => `${name[0]} ${name}`).join(", "),
    );
  });
}

/** Letters apart by a blank, marked cells followed by a star. */
function drawPlain({ map, marks }: { readonly map: string; readonly marks: ReadonlySet<number> }): string[] {
  return map
    .split("\n")
    .map((row, r) => [...row].map((letter, c) => letter + (marks.has(r * row.length + c) ? "*" : " ")).join(""));
}

/** The first moment as it was seen, the last one whole. */
const sideBySide = (before: readonly string[], after: readonly string[]): string[] =>
  before.map((row, r) => `${row}  ->  ${after[r]}`.trimEnd());

function tellScores({ course }: Session, scores: readonly Score[]): string[] {
  return alignColumns(
    scores.map(({ got, best }, g) => [
      course.setting.goals[g].name,
      `${short(got.undiscounted)} of ${short(best.undiscounted)}`,
      `discounted ${short(got.discounted)} of ${short(best.discounted)}`,
    ]),
  );
}

function tellTotal(session: Session): string[] {
  const { size } = session.scores;
  return [`${size} ${size === 1 ? "level" : "levels"}`, ...tellScores(session, total(session))];
}
