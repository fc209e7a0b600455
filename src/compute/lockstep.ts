/** Runs several calls in one go; outcome i is call i's own. What it throws itself is the outcome of all. */
export type Together<A, R> = (calls: readonly A[]) => Promise<readonly PromiseSettledResult<R>[]>;

/** One of several callers whose calls run together. */
export interface Member {
  /** Resolves or rejects with this call's outcome, once it ran together with the others' calls of the same function. */
  call<A, R>(together: Together<A, R>, call: A): Promise<R>;
  /** The others no longer wait for this member. Calls that it waits for still run. */
  leave(): void;
}

interface Waiting {
  readonly member: number;
  readonly together: Together<unknown, unknown>;
  readonly call: unknown;
  resolve(value: unknown): void;
  reject(reason: unknown): void;
}

/**
 * Callers that wait for each other: each makes its calls as if it were alone, and what they all wait for runs at once.
 *
 * The rule: as soon as every member that has not left waits for a call, the first waiting call of each member runs; calls of the same
 * function in one go, one function after the other. So a member's calls run in its own order, and there is no deadlock: a member that does
 * not wait is computing, and will call or leave; when all wait, something runs, whatever mixture of functions it is. The price is that the
 * slowest member sets the pace, and that one which never leaves stops the others.
 */
export function createLockstep(members: number): Member[] {
  const live = new Set(Array.from({ length: members }, (_, member) => member));
  const waiting: Waiting[] = [];
  let running = false;

  /** Each member's first waiting call, if every live member has one. */
  const takeTurn = (): Waiting[] => {
    const first = new Map<number, Waiting>();
    for (const call of waiting) if (!first.has(call.member)) first.set(call.member, call);
    for (const member of live) if (!first.has(member)) return [];
    const turn = [...first.values()];
    for (const call of turn) waiting.splice(waiting.indexOf(call), 1);
    return turn;
  };

  const run = async (): Promise<void> => {
    if (running) return;
    running = true;
    for (let turn = takeTurn(); turn.length > 0; turn = takeTurn()) {
      for (const together of new Set(turn.map((call) => call.together))) {
        await settle(turn.filter((call) => call.together === together));
      }
    }
    running = false;
  };

  return Array.from({ length: members }, (_, member) => ({
    call: <A, R>(together: Together<A, R>, call: A) =>
      new Promise<R>((resolve, reject) => {
        if (!live.has(member)) throw new RangeError(`call: member ${member} has left`);
        waiting.push({ member, together, call, resolve, reject } as unknown as Waiting);
        void run();
      }),
    leave: () => {
      live.delete(member);
      void run();
    },
  }));
}

/** Run calls of one function and hand each its outcome; never throws. */
async function settle(calls: readonly Waiting[]): Promise<void> {
  try {
    const outcomes = await calls[0].together(calls.map(({ call }) => call));
    if (outcomes.length !== calls.length) {
      throw new RangeError(`settle: ${outcomes.length} outcomes of ${calls.length} calls`);
    }
    calls.forEach(({ resolve, reject }, i) => {
      const outcome = outcomes[i];
      if (outcome.status === "fulfilled") resolve(outcome.value);
      else reject(outcome.reason);
    });
  } catch (error) {
    for (const { reject } of calls) reject(error);
  }
}
