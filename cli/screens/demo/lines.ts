import type { Capabilities } from "../../text/capabilities.ts";
import { toText } from "../../tui/ansi.ts";
import { wrapText } from "../../tui/span.ts";
import { divergenceOf } from "../player/divergence.ts";
import { type TourScene, tourSeconds } from "./scenes.ts";
import { agentsFrame, CAUTION, GO_ON, NEXT } from "./tour-view.ts";

/** Columns of the printed tour. */
const COLUMNS = 80;

/** A scene in lines: what is said of it, and both agents at the beginning, where they part and at the end. */
export function tellScene(scene: TourScene, number: number, capabilities: Capabilities): string[] {
  const said = new Set<string>();
  const lines = [`${number}. ${scene.title}`, ""];
  for (const [b, { step, caption }] of scene.beats.entries()) {
    if (said.has(caption)) continue;
    said.add(caption);
    lines.push(...toText(wrapText(caption, COLUMNS)), "");
    // Where two things are said of a step, the boards come after both.
    if (scene.beats[b + 1]?.step !== step) lines.push(...toText(agentsFrame(scene, step, COLUMNS, capabilities)), "");
  }
  return [...lines, ...toText(wrapText(scene.rule, COLUMNS))];
}

/** What the tour ends on. */
export function tellEnd(): string[] {
  return [
    GO_ON,
    ...NEXT.flatMap(([command, does]) => [`  ${command}`, `    ${does}`]),
    "",
    ...toText(wrapText(CAUTION, COLUMNS)),
  ];
}

/** The tour as data. */
export function summaryOf(scenes: readonly TourScene[]) {
  return {
    seconds: tourSeconds(scenes),
    scenes: scenes.map(({ name, title, about, beats, rule, lanes }) => ({
      ...{ name, title, rule },
      captions: [...new Set(beats.map(({ caption }) => caption))],
      seconds: beats.reduce((sum, { seconds }) => sum + seconds, 0),
      parting: divergenceOf(lanes)?.step ?? null,
      lanes: lanes.map(({ head, entry, shown, measured, name: called }, l) => ({
        ...{
          name: called,
          about: about[l],
          scenario: head.scenario.name,
          arm: head.arm,
          seed: head.seed,
          step: head.step,
        },
        ...{ view: entry.view, shift: entry.shift, episode: entry.number },
        ...{
          outcome: entry.outcome,
          returns: entry.returns,
          actions: shown.actions,
          maps: shown.maps.map((map) => map.split("\n")),
        },
        measured,
      })),
    })),
  };
}
