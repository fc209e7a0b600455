import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { carryTails } from "../../src/agents/rollout.ts";
import {
  createLabels,
  createLedger,
  createTrajectory,
  type Ledger,
  NOTHING,
  type Trajectory,
  UNLABELLED,
} from "../../src/core/trajectory.ts";
import { labelEpisodes, labelTails } from "../../src/oversight/label.ts";

/** How an episode goes: its length, how it ends, and what the overseer makes of it. */
interface Fate {
  readonly length: number;
  readonly truncated: boolean;
  readonly inspected: boolean;
  readonly outcome: number;
}

/** Write step `step` of an episode into a row: the true reward is 10 * episode + step + 1, the proxy's its negative. */
function play(trajectory: Trajectory, ledger: Ledger, row: number, episode: number, step: number, fate: Fate): void {
  const last = step === fate.length - 1;
  trajectory.terminated[row] = last && !fate.truncated ? 1 : 0;
  trajectory.truncated[row] = last && fate.truncated ? 1 : 0;
  trajectory.episode[row] = episode;
  ledger.trueReward[row] = 10 * episode + step + 1;
  ledger.proxyReward[row] = -ledger.trueReward[row];
  ledger.label[row] = last && fate.inspected ? fate.outcome : UNLABELLED;
  ledger.seen[row] = fate.inspected ? 1 : 0;
}

/** One world, no carried tail: the fates one after another, as many steps as fit. */
function oneWindow(fates: readonly Fate[], rollout: number) {
  const trajectory = createTrajectory(1, 0, rollout, 1);
  const ledger = createLedger(rollout);
  let row = 0;
  fates.forEach((fate, episode) => {
    for (let step = 0; step < fate.length && row < rollout; step++) {
      play(trajectory, ledger, row++, episode, step, fate);
    }
  });
  return { trajectory, ledger, labels: createLabels(rollout) };
}

const SEEN_GHOST: Fate = { length: 2, truncated: false, inspected: true, outcome: 1 };
const UNSEEN_DIAMOND: Fate = { length: 3, truncated: false, inspected: false, outcome: 0 };
const SEEN_TIMEOUT: Fate = { length: 1, truncated: true, inspected: true, outcome: NOTHING };
const SEEN_DIAMOND: Fate = { length: 9, truncated: false, inspected: true, outcome: 0 };

describe("one window", () => {
  // The last episode is inspected in the end, but here it still runs.
  const window = () => oneWindow([SEEN_GHOST, UNSEEN_DIAMOND, SEEN_TIMEOUT, SEEN_DIAMOND], 8);

  test("a label stands on its episode, first step to last, and on nothing of the neighbours; a running tail has none", () => {
    const { trajectory, ledger, labels } = window();
    labelEpisodes(trajectory, ledger, false, labels);
    const u = UNLABELLED;
    expect([...labels.label]).toEqual([1, 1, u, u, u, NOTHING, u, u]);
  });

  test("the true reward passes on inspected episodes only, the proxy's on every step", () => {
    const { trajectory, ledger, labels } = window();
    labelEpisodes(trajectory, ledger, false, labels);
    expect([...labels.trueReward]).toEqual([1, 2, 0, 0, 0, 21, 0, 0]);
    expect([...labels.proxyReward]).toEqual([-1, -2, -11, -12, -13, -21, -31, -32]);
  });

  test("revealAll passes every true reward, and leaves the labels as they are", () => {
    const { trajectory, ledger, labels } = window();
    labelEpisodes(trajectory, ledger, true, labels);
    expect([...labels.trueReward]).toEqual([1, 2, 11, 12, 13, 21, 31, 32]);
    expect(labels.label[2]).toBe(UNLABELLED);
  });

  test("an inspected episode in which nothing with a route happened is labelled nothing, which is not unlabelled", () => {
    const { trajectory, ledger, labels } = oneWindow([{ ...SEEN_GHOST, outcome: NOTHING }], 2);
    labelEpisodes(trajectory, ledger, false, labels);
    expect([...labels.label]).toEqual([NOTHING, NOTHING]);
    expect(NOTHING).not.toBe(UNLABELLED);
  });

  test("labels of the window before do not shine through", () => {
    const { trajectory, ledger, labels } = window();
    labels.label.fill(0);
    labels.trueReward.fill(99);
    labelEpisodes(trajectory, ledger, false, labels);
    expect(labels.label[6]).toBe(UNLABELLED);
    expect(labels.trueReward[2]).toBe(0);
  });
});

test("with carried tails, every step of an episode is labelled by its own end, whichever windows it lies in", () => {
  const horizon = 6;
  const fate: fc.Arbitrary<Fate> = fc.record({
    length: fc.integer({ min: 1, max: horizon }),
    truncated: fc.boolean(),
    inspected: fc.boolean(),
    outcome: fc.integer({ min: NOTHING, max: 1 }),
  });
  fc.assert(
    fc.property(
      fc.array(fc.array(fate, { minLength: 40, maxLength: 40 }), { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 8 }),
      (fates, rollout) => {
        const N = fates.length;
        const window = horizon - 1;
        const trajectory = createTrajectory(N, window, rollout, 1);
        const ledger = createLedger(trajectory.capacity * N);
        const labels = createLabels(trajectory.capacity * N);
        const at = fates.map(() => ({ episode: 0, step: 0 }));
        const labelled = fates.map(() => 0);
        for (let update = 0; update < 5; update++) {
          for (let slot = window; slot < trajectory.capacity; slot++) {
            at.forEach((place, n) => {
              const own = fates[n][place.episode];
              play(trajectory, ledger, slot * N + n, place.episode, place.step, own);
              place.step++;
              if (place.step < own.length) return;
              place.episode++;
              place.step = 0;
            });
          }
          labelEpisodes(trajectory, ledger, false, labels);
          at.forEach((place, n) => {
            const steps = new Map<number, number>();
            for (let slot = trajectory.first[n]; slot < trajectory.capacity; slot++) {
              const row = slot * N + n;
              const episode = trajectory.episode[row];
              const own = fates[n][episode];
              const ended = episode < place.episode;
              const step = steps.get(episode) ?? 0;
              steps.set(episode, step + 1);
              expect(labels.label[row]).toBe(ended && own.inspected ? own.outcome : UNLABELLED);
              expect(labels.trueReward[row]).toBe(ended && own.inspected ? 10 * episode + step + 1 : 0);
              if (ended) labelled[n]++;
            }
            for (const [episode, count] of steps) {
              // whole: from its first step on, up to its last or to the window's end
              expect(count).toBe(episode < place.episode ? fates[n][episode].length : place.step);
            }
          });
          carryTails(trajectory, (from, to) => {
            ledger.trueReward[to] = ledger.trueReward[from];
            ledger.proxyReward[to] = ledger.proxyReward[from];
            ledger.label[to] = UNLABELLED;
            ledger.seen[to] = ledger.seen[from];
          });
        }
        // No episode was labelled twice or forgotten: the labelled rows are the steps of the episodes that ended.
        at.forEach((place, n) => {
          const ended = fates[n].slice(0, place.episode).reduce((sum, { length }) => sum + length, 0);
          expect(labelled[n]).toBe(ended);
        });
      },
    ),
    { numRuns: 100, seed: 1 },
  );
});

test("true rewards of uninspected and running episodes change nothing that the learner is told", () => {
  const told = (disturb: boolean) => {
    const { trajectory, ledger, labels } = oneWindow([SEEN_GHOST, UNSEEN_DIAMOND, SEEN_TIMEOUT, SEEN_DIAMOND], 8);
    if (disturb) for (const row of [2, 3, 4, 6, 7]) ledger.trueReward[row] = Number.NaN;
    labelEpisodes(trajectory, ledger, false, labels);
    return labels;
  };
  expect(told(true)).toEqual(told(false));
});

test("tails called unfinished: labelled nothing and paid 0; episodes that ended, unlabelled ones too, stay as they were", () => {
  // ghost seen (2 steps), diamond unseen (3), a tail of 2
  const { trajectory, ledger, labels } = oneWindow([SEEN_GHOST, UNSEEN_DIAMOND, { ...SEEN_GHOST, length: 9 }], 7);
  labelEpisodes(trajectory, ledger, true, labels);
  expect([...labels.label]).toEqual([1, 1, -2, -2, -2, -2, -2]);
  expect(labels.trueReward[6]).toBe(22);
  labelTails(trajectory, labels);
  expect([...labels.label]).toEqual([1, 1, -2, -2, -2, NOTHING, NOTHING]);
  expect([...labels.trueReward]).toEqual([1, 2, 11, 12, 13, 0, 0]);
  expect([...labels.proxyReward].map(Math.abs)).toEqual([1, 2, 11, 12, 13, 0, 0]);
});

test("a tail begins after the last end of either kind: an unseen timeout before it stays unlabelled", () => {
  const unseenTimeout = { ...SEEN_TIMEOUT, inspected: false };
  const { trajectory, ledger, labels } = oneWindow([unseenTimeout, { ...SEEN_GHOST, length: 9 }], 3);
  labelEpisodes(trajectory, ledger, true, labels);
  labelTails(trajectory, labels);
  expect([...labels.label]).toEqual([UNLABELLED, NOTHING, NOTHING]);
  expect(labels.trueReward[0]).toBe(1);
});
