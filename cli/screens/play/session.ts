import { type Course, deal, type Game, giveUp, move, optimum, type Returns } from "./game.ts";

/** What a goal paid on one level, and the most that it could. */
export interface Score {
  readonly got: Returns;
  readonly best: Returns;
}

/** Games one after another. Only the first game of a level counts, however it ended: trying again is for learning. */
export interface Session {
  readonly course: Course;
  readonly game: Game;
  /** Scores of the levels that count, in the order of the setting's goals, by level. */
  readonly scores: ReadonlyMap<number, readonly Score[]>;
}

/** `action` is an action number of the world. */
export type Move = { readonly action: number } | "leave" | "restart" | "next" | "quit";

export const beginSession = (course: Course, number: number): Session => ({
  course,
  game: deal(course, number),
  scores: new Map(),
});

export function play(session: Session, what: Move): Session {
  const { course, game } = session;
  if (typeof what === "object") {
    const moved = move(course, game, what.action);
    return moved === game ? session : count({ ...session, game: moved });
  }
  if (what === "quit") return session;
  // A level on which no step was taken has been looked at, not played.
  const left = game.steps === 0 || game.end !== null ? session : count({ ...session, game: giveUp(game) });
  if (what === "leave") return left;
  return { ...left, game: deal(course, what === "next" ? game.number + 1 : game.number) };
}

/** Write down a game that is over, unless its level has been played before. */
function count(session: Session): Session {
  const { course, game, scores } = session;
  if (game.end === null || scores.has(game.number)) return session;
  const best = optimum(course, game);
  const own = game.returns.map((got, g) => ({ got, best: best[g] }));
  return { ...session, scores: new Map([...scores, [game.number, own]]) };
}

/** Sums over the levels that count, a score for each goal. */
export function total({ course, scores }: Session): Score[] {
  const sum = (pick: (score: Score) => Returns, g: number): Returns => {
    const all = [...scores.values()].map((each) => pick(each[g]));
    return {
      discounted: all.reduce((so, { discounted }) => so + discounted, 0),
      undiscounted: all.reduce((so, { undiscounted }) => so + undiscounted, 0),
    };
  };
  return course.setting.goals.map((_, g) => ({ got: sum(({ got }) => got, g), best: sum(({ best }) => best, g) }));
}
