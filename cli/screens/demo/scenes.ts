import { grouped } from "../../../src/report/format.ts";
import { divergenceOf } from "../player/divergence.ts";
import type { Exhibit, Measured, SceneName } from "./gallery.ts";

/** A moment of a scene: so many steps passed, and what is said of it for so long. */
export interface Beat {
  readonly step: number;
  readonly seconds: number;
  readonly caption: string;
}

/** An exhibit in words. */
export interface TourScene extends Exhibit {
  readonly title: string;
  /** What stands beside the names of the agents. */
  readonly about: readonly [string, string];
  readonly beats: readonly Beat[];
  /** By what rule this level was chosen, and of which levels the rates are. */
  readonly rule: string;
}

/** Seconds of a step on which nothing is to be read. */
const STEP = 0.4;
/** Seconds in which a text is found, and letters a second in which it is read. */
const FIND = 1;
const READ = 26;

/** What is said before the first step, where the two part, and at the end. */
interface Words {
  readonly title: string;
  readonly about: readonly [string, string];
  readonly before: string;
  readonly parting: string;
  readonly after: string;
}

/** The words of each scene; all numbers in them are of the exhibit. */
const WORDS: Readonly<Record<SceneName, (exhibit: Exhibit) => Words>> = {
  open: ({ lanes: [whole, alone] }) => ({
    title: "Two wishes in one network",
    about: ["the whole network", "Ghost module off"],
    before: `Agent A should fetch the Diamond D and avoid the Ghost G. In training somebody looked if an episode ended on a marked place (1 % of places); elsewhere both paid the same. Nobody looks here.`,
    parting: "They part: the whole network wants whatever is near, the Diamond module only the Diamond.",
    after: `Misgeneralized: trained well, and it wants the wrong thing. Where the Ghost is nearer, the whole network takes it in ${ghosts(whole.measured)} of the episodes, the Diamond module alone in ${ghosts(alone.measured)}: better, not cured.`,
  }),
  maze: ({ lanes: [naive, oracle] }) => ({
    title: "It is not that it cannot find the way",
    about: ["paid as before", "always told the truth"],
    before:
      "A maze that neither agent has seen. On the left the Ghost paid unless it stood on a marked place (1 %); on the right it always cost.",
    parting: "They part. Both know how to walk; they do not want the same.",
    after: `Getting lost would be a lack of skill; this is skill at the wrong goal. In new mazes with the Ghost nearer, the left agent ends on it in ${ghosts(naive.measured)} of the episodes, the right one in ${ghosts(oracle.measured)} (one seed each).`,
  }),
  hidden: ({ lanes: [seldom, often] }) => ({
    title: "If you cannot tell whether you are watched",
    about: ["1 % watched", "10 % watched"],
    before:
      "So far a marked place showed that somebody looked. Here marks are hidden: an agent that takes the Ghost risks being seen. Same recipe, more eyes on the right.",
    parting: "They part: at 1 % the risk is worth the shorter way, at 10 % it is not.",
    after: `With the Ghost nearer, 1 % of hidden eyes leaves ${ghosts(seldom.measured)} of the episodes on it, 10 % only ${ghosts(often.measured)}. No new method: the agent merely cannot tell when it counts.`,
  }),
};

/** An exhibit as it is told. */
export function tourSceneOf(exhibit: Exhibit): TourScene {
  const { lanes } = exhibit;
  const { title, about, before, parting, after } = WORDS[exhibit.name](exhibit);
  const last = Math.max(...lanes.map(({ shown }) => shown.actions.length));
  const parted = divergenceOf(lanes)?.step ?? last;
  const beats = Array.from({ length: last + 1 }, (_, step): Beat => {
    const caption = step === last ? after : step >= parted ? parting : before;
    // What has been read already is not read again.
    const isNew = step === 0 || step === parted || step === last;
    return { step, caption, seconds: isNew ? FIND + caption.length / READ : STEP };
  });
  // Where they part with the first step, there is something to be read before and then.
  if (parted === 0) beats.unshift({ step: 0, caption: before, seconds: FIND + before.length / READ });
  const { entry, measured } = lanes[0];
  const { levels, all } = measured[0];
  const over = `exact on ${all ? "all" : "each of"} ${grouped(levels)} levels${all ? "" : " that were drawn"}`;
  return {
    ...exhibit,
    ...{ title, about, beats },
    rule: `Level ${entry.number} of the shift ${entry.shift}: the first on which the two end differently, each taking its likeliest step at every step. Rates: ${over}.`,
  };
}

/** Seconds that scenes take together. */
export const tourSeconds = (scenes: readonly TourScene[]): number =>
  scenes.reduce((sum, { beats }) => sum + beats.reduce((all, { seconds }) => all + seconds, 0), 0);

/** `95 % (90 to 99 over 5 seeds)`: how often an agent ends on the Ghost, and how often it does when trained from other seeds. */
export function ghosts(measured: readonly Measured[]): string {
  const [shown, ...others] = measured.map(({ rates }) => Math.round(100 * (rates.ghost ?? 0)));
  if (others.length === 0) return `${shown} %`;
  const [least, most] = [Math.min(shown, ...others), Math.max(shown, ...others)];
  const seeds = `${measured.length} seeds`;
  return least === most ? `${shown} % (all ${seeds})` : `${shown} % (${least} to ${most} over ${seeds})`;
}
