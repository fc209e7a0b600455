import { type Labels, type Ledger, NOTHING, type Trajectory, UNLABELLED } from "../core/trajectory.ts";

/**
 * Call the steps of episodes still running "reached nothing", with a reward of 0, instead of leaving them unlabelled: what the code of
 * Cloud et al. 2024 does. Writes: `labels`, rows of unfinished episodes.
 */
export function labelTails(trajectory: Trajectory, labels: Labels): void {
  const { worlds, capacity, first, terminated, truncated } = trajectory;
  for (let n = 0; n < worlds; n++) {
    for (let slot = capacity - 1; slot >= first[n]; slot--) {
      const row = slot * worlds + n;
      if (terminated[row] || truncated[row]) break;
      labels.label[row] = NOTHING;
      labels.proxyReward[row] = 0;
      labels.trueReward[row] = 0;
    }
  }
}

/**
 * The only door between the ledger and the learner: label every episode that ended in the window, first step to last, and
 * reveal the true reward of the inspected ones. Steps of episodes still running stay unlabelled.
 *
 * The proxy goal's reward is what anyone can see, so it passes for every step. `revealAll` also passes the true reward of every
 * step: the oracle's privilege, and no other arm's.
 *
 * Writes: `labels`, rows of filled slots. Afterwards nothing downstream may read the ledger (tested by poisoning it).
 */
export function labelEpisodes(trajectory: Trajectory, ledger: Ledger, revealAll: boolean, labels: Labels): void {
  const { worlds, capacity, first, terminated, truncated } = trajectory;
  for (let n = 0; n < worlds; n++) {
    let label = UNLABELLED;
    for (let slot = capacity - 1; slot >= first[n]; slot--) {
      const row = slot * worlds + n;
      if (terminated[row] || truncated[row]) {
        label = !ledger.inspected[row] ? UNLABELLED : ledger.outcome[row] < 0 ? NOTHING : ledger.outcome[row];
      }
      labels.label[row] = label;
      labels.proxyReward[row] = ledger.proxyReward[row];
      labels.trueReward[row] = revealAll || label !== UNLABELLED ? ledger.trueReward[row] : 0;
    }
  }
}
