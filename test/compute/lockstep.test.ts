import { expect, test } from "vitest";
import { createLockstep, type Member, type Together } from "../../src/compute/lockstep.ts";

/** A function that keeps what it was called with together, and answers each call with its double. */
function doubling(log: string[], name: string): Together<number, number> {
  return async (calls) => {
    log.push(`${name} ${calls.join(" ")}`);
    await Promise.resolve();
    return calls.map((call) => ({ status: "fulfilled", value: 2 * call }));
  };
}

test("calls of the same function run together once every member waits, and each gets its own outcome", async () => {
  const log: string[] = [];
  const double = doubling(log, "double");
  const [a, b, c] = createLockstep(3);
  const first = [a.call(double, 1), b.call(double, 2)];
  await Promise.resolve();
  expect(log).toEqual([]);
  expect(await Promise.all([...first, c.call(double, 3)])).toEqual([2, 4, 6]);
  expect(log).toEqual(["double 1 2 3"]);
});

test("members that wait for different functions: each function runs, in the order of its first call", async () => {
  const log: string[] = [];
  const [forward, update] = [doubling(log, "forward"), doubling(log, "update")];
  const [a, b, c] = createLockstep(3);
  expect(await Promise.all([a.call(update, 1), b.call(forward, 2), c.call(update, 3)])).toEqual([2, 4, 6]);
  expect(log).toEqual(["update 1 3", "forward 2"]);
});

test("several calls of one member run one after the other, in its order", async () => {
  const log: string[] = [];
  const double = doubling(log, "double");
  const [a, b] = createLockstep(2);
  const calls = [a.call(double, 1), a.call(double, 2), b.call(double, 3)];
  await Promise.all([calls[0], calls[2]]);
  expect(log).toEqual(["double 1 3"]);
  b.leave();
  expect(await calls[1]).toBe(4);
  expect(log).toEqual(["double 1 3", "double 2"]);
});

test("a member that leaves is not waited for; what it waits for itself still runs", async () => {
  const log: string[] = [];
  const double = doubling(log, "double");
  const [a, b] = createLockstep(2);
  const call = a.call(double, 1);
  b.leave();
  expect(await call).toBe(2);
  const last = a.call(double, 5);
  a.leave();
  expect(await last).toBe(10);
  await expect(a.call(double, 7)).rejects.toThrow("call: member 0 has left");
});

test("one call's failure is its own; a failure of the whole is everybody's, and the next turn runs", async () => {
  const log: string[] = [];
  const double = doubling(log, "double");
  const picky: Together<number, number> = async (calls) =>
    calls.map((call) =>
      call < 0
        ? { status: "rejected", reason: new Error(`${call} is negative`) }
        : { status: "fulfilled", value: call },
    );
  const broken: Together<number, number> = async () => {
    throw new Error("device lost");
  };
  const short: Together<number, number> = async () => [{ status: "fulfilled", value: 1 }];
  const [a, b] = createLockstep(2);
  const settled = async (together: Together<number, number>) =>
    (await Promise.allSettled([a.call(together, 1), b.call(together, -1)])).map((outcome) =>
      outcome.status === "fulfilled" ? outcome.value : (outcome.reason as Error).message,
    );
  expect(await settled(picky)).toEqual([1, "-1 is negative"]);
  expect(await settled(broken)).toEqual(["device lost", "device lost"]);
  expect(await settled(short)).toEqual(Array(2).fill("settle: 1 outcomes of 2 calls"));
  expect(await settled(double)).toEqual([2, -2]);
});

test("trainings of different length, one of which throws, all come to their end", async () => {
  const log: string[] = [];
  const [forward, update] = [doubling(log, "forward"), doubling(log, "update")];
  const training = async (member: Member, rounds: number, failsAt = Infinity) => {
    try {
      for (let round = 0; round < rounds; round++) {
        for (let step = 0; step <= round % 3; step++) await member.call(forward, round);
        if (round === failsAt) throw new Error("diverged");
        // Whoever has no rows to learn from skips the update.
        if ((round + rounds) % 2 === 0) await member.call(update, round);
      }
      return rounds;
    } finally {
      member.leave();
    }
  };
  const members = createLockstep(4);
  const outcomes = await Promise.allSettled([
    training(members[0], 5),
    training(members[1], 12),
    training(members[2], 9, 4),
    training(members[3], 0),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
  // Together while three live, alone in the end.
  expect(log[0]).toBe("forward 0 0 0");
  expect(log.at(-1)?.split(" ")).toHaveLength(2);
});

test("calls that come while others run wait until those are done", async () => {
  const log: string[] = [];
  let finish = () => {};
  const slow: Together<number, number> = async (calls) => {
    log.push(`begin ${calls.join(" ")}`);
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    log.push("end");
    return calls.map((call) => ({ status: "fulfilled", value: call }));
  };
  const [a, b] = createLockstep(2);
  const first = [a.call(slow, 1), b.call(slow, 2)];
  const second = [a.call(slow, 3), b.call(slow, 4)];
  await Promise.resolve();
  expect(log).toEqual(["begin 1 2"]);
  finish();
  await Promise.all(first);
  await new Promise((resolve) => setImmediate(resolve));
  expect(log).toEqual(["begin 1 2", "end", "begin 3 4"]);
  finish();
  expect(await Promise.all(second)).toEqual([3, 4]);
});
