import { Box, Text, useInput } from "ink";
import { listSeeds } from "../../src/experiment/scenario.ts";
import type { Scenario } from "../../src/experiment/schema.ts";
import { clock, roughly, short, thousands } from "../numbers.ts";
import { type CellView, countCells, type RunView, secondsLeft } from "../progress.ts";

export interface RunTableProps {
  readonly scenario: Scenario;
  readonly title: string;
  readonly view: RunView | null;
  /** Seconds since the command began. */
  readonly elapsed: number;
  readonly onStop: () => void;
  readonly onPause: () => void;
  /** What the key q does, in words. */
  readonly leaving?: string;
}

const STOP = "stop; finished cells are kept, the same command goes on";

/** The live table: a row an arm, a cell a seed, and what is running now. */
export function RunTable({ scenario, title, view, elapsed, onStop, onPause, leaving = STOP }: RunTableProps) {
  useInput(
    (input, key) => {
      if (input === "q" || (key.ctrl && input === "c")) onStop();
      if (input === "p") onPause();
    },
    { isActive: process.stdin.isTTY === true },
  );
  if (view === null) return <Text>{title}</Text>;
  const { done, failed } = countCells(view);
  const left = secondsLeft(view, elapsed);
  const speed = elapsed > 0 ? view.steps / elapsed : 0;
  const seeds = listSeeds(scenario.seeds);
  const cells = [...view.cells.values()];
  const running = cells.filter(({ state }) => state === "running");
  const isPaused = running.some((cell) => cell.isPaused);
  return (
    <Box flexDirection="column">
      <Text bold>{title}</Text>
      <Text dimColor>
        {`${done + failed} of ${view.cells.size} cells · ${clock(elapsed)}${left === null ? "" : ` · left ${roughly(left)}`} · ${thousands(speed)} steps/s`}
      </Text>
      <Text
        dimColor
      >{`${"arm".padEnd(22)}${"seeds".padEnd(Math.max(8, seeds.length + 2))}true return, ${scenario.primary.shift}`}</Text>
      {scenario.arms.map((arm) => {
        const own = cells.filter(({ plan }) => plan.arm === arm);
        const finished = own.filter(({ state, trueReturn }) => state === "done" && trueReturn !== null);
        const mean = finished.reduce((sum, { trueReturn }) => sum + (trueReturn ?? 0), 0) / finished.length;
        return (
          <Text key={arm}>
            {`${arm.padEnd(22)}${own
              .map(shade)
              .join("")
              .padEnd(Math.max(8, seeds.length + 2))}`}
            {finished.length === 0 ? "–" : `${short(mean).padStart(6)}  mean of ${finished.length}`}
          </Text>
        );
      })}
      <Text> </Text>
      {running.map(({ plan, fraction, step, trueReturn, isPaused: waits }) => (
        <Text key={plan.id}>
          {`${`${plan.arm} seed ${plan.seed}`.padEnd(28)}${bar(fraction)} ${thousands(step).padStart(11)} steps${trueReturn === null ? "" : `   true return ${short(trueReturn)}`}${waits ? "   paused" : ""}`}
        </Text>
      ))}
      <Text dimColor>{`p ${isPaused ? "go on" : "pause"}   q ${leaving}`}</Text>
    </Box>
  );
}

/** A cell in one character: how far it is, or how it ended. */
function shade({ state, fraction }: CellView): string {
  if (state === "failed") return "×";
  if (state === "done") return "█";
  if (state === "waiting") return "·";
  if (state === "elsewhere") return "~";
  return "▁▂▃▄▅▆▇"[Math.min(6, Math.floor(fraction * 7))];
}

function bar(fraction: number): string {
  const filled = Math.round(fraction * 20);
  return "█".repeat(filled) + "░".repeat(20 - filled);
}
