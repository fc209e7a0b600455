import { UserError } from "../../src/core/errors.ts";
import { TRAINING } from "../../src/scenario/schema.ts";
import { settingUnder } from "../../src/scenario/setting.ts";
import { readScenario, type ScenarioOptions } from "../arguments/scenario-files.ts";
import { print, printJson, say } from "../output.ts";
import { inspection, seenBy, wholeOf } from "../screens/play/game.ts";
import { ending, lettersOf, overseerSaid, paysOf, playProgram } from "../screens/play/program.ts";
import { beginSession, play, type Score, type Session, total } from "../screens/play/session.ts";
import { liveCapabilities } from "../text/capabilities.ts";
import { alignColumns } from "../text/columns.ts";
import { short } from "../text/numbers.ts";
import { openScreen } from "../tui/screen.ts";

export interface PlayOptions extends ScenarioOptions {
  readonly level: number;
  readonly seed: number;
  readonly shift?: string;
  readonly plain?: boolean;
  readonly json?: boolean;
}

const MOST_MOVES = 100_000;

/** A person plays a scenario's levels as an agent would, and is scored against the exact optimum of each goal. */
export async function run([path]: readonly string[], options: PlayOptions): Promise<void> {
  const { scenario } = readScenario(path, options);
  const setting = settingUnder(scenario, options.shift);
  const session = beginSession({ setting, seed: options.seed }, options.level);
  if (options.plain || options.json) {
    playLines(session, await readMoves(), options);
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

/** The games of the moves, as data: scores by goal, undiscounted and discounted, with the most that there was. */
function playedOf(start: Session, moves: readonly (readonly number[])[], shift: string) {
  const { setting, seed } = start.course;
  const { actions } = setting.world;
  const byGoal = (scores: readonly Score[]) =>
    Object.fromEntries(scores.map((score, g): [string, Score] => [setting.goals[g].name, score]));
  let session = start;
  const levels = [];
  for (const given of moves) {
    const map = seenBy(session.course, session.game).map.split("\n");
    for (const action of given) session = play(session, { action });
    session = play(session, "leave");
    const { number: level, end, events, steps } = session.game;
    const scores = session.scores.get(level);
    levels.push({
      ...{ level, map, finalMap: wholeOf(session.course, session.game).map.split("\n") },
      ...{ moves: given.slice(0, steps).map((action) => actions[action]), notPlayed: given.length - steps },
      ...{ end, events, inspection: scores === undefined ? null : inspection(session.course, session.game) },
      scores: scores === undefined ? null : byGoal(scores),
    });
    session = play(session, "next");
  }
  return { scenario: setting.scenario.name, shift, seed, levels, total: byGoal(total(session)) };
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
function playLines(start: Session, lines: readonly string[], { shift, json }: PlayOptions): void {
  const { setting } = start.course;
  const names = setting.world.actions;
  const moves = lines.map((text, l) => readLine(text, l + 1, names));
  if (json) {
    printJson(playedOf(start, moves, shift ?? TRAINING));
    return;
  }
  let session = start;
  print(setting.goals.map((goal) => paysOf(goal, setting.world.events)).join("\n"));
  for (const [l, actions] of moves.entries()) {
    const { course, game } = session;
    const before = drawPlain(seenBy(course, game));
    for (const action of actions) session = play(session, { action });
    session = play(session, "leave");
    const { steps } = session.game;
    print(`\nlevel ${game.number}`);
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
  const letters = lettersOf(names);
  return [...text].map((letter, c) => {
    const action = letters.findIndex((own) => own.includes(letter.toLowerCase()));
    if (action >= 0) return action;
    throw new UserError(
      `moves line ${number}, column ${c + 1}: found '${letter}', expected one of ${letters.flat().join(" ")}`,
      names.map((name, action) => `${letters[action].join(" or ")} ${name}`).join(", "),
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
