import { expect, test } from "vitest";
import { attempt, ensure, ensureLater } from "../../src/core/cleanup.ts";

const fail = (message: string) => (): never => {
  throw new Error(message);
};

test("the first error is thrown, whatever cleaning up throws after it; without one, that of cleaning up", async () => {
  expect(() => ensure(fail("the disk is full"), fail("the lock cannot be given up"))).toThrow("the disk is full");
  expect(() => ensure(() => 1, fail("the lock cannot be given up"))).toThrow("the lock cannot be given up");
  await expect(ensureLater(async () => fail("first")(), fail("second"))).rejects.toThrow("first");
  await expect(ensureLater(async () => 1, fail("second"))).rejects.toThrow("second");
});

test("cleaning up is done once, and the action's result is given", async () => {
  let cleaned = 0;
  expect(
    ensure(
      () => 7,
      () => void cleaned++,
    ),
  ).toBe(7);
  expect(
    await ensureLater(
      async () => 8,
      () => void cleaned++,
    ),
  ).toBe(8);
  expect(() => ensure(fail("x"), () => void cleaned++)).toThrow("x");
  expect(cleaned).toBe(3);
  expect(() => attempt(fail("y"))).not.toThrow();
});
