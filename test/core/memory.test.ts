import { expect, test } from "vitest";
import { diedOutOfMemory, isOutOfMemory } from "../../src/core/memory.ts";

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("expected an error");
}

test("what V8 and WebAssembly really throw for want of memory is told from other range errors", () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
  expect(isOutOfMemory(thrownBy(() => memory.grow(5)))).toBe(true);
  expect(isOutOfMemory(thrownBy(() => new ArrayBuffer(2 ** 53 - 1)))).toBe(true);
  expect(isOutOfMemory(thrownBy(() => new Float64Array(2 ** 52)))).toBe(true);
  expect(isOutOfMemory(thrownBy(() => (1).toFixed(101)))).toBe(false);
  expect(isOutOfMemory(new Error("WebAssembly.Memory(): could not allocate memory"))).toBe(false);
});

test("the last words of a process that ran out of memory are known", () => {
  const words =
    "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n----- Native stack trace -----";
  expect(diedOutOfMemory(words)).toBe(true);
  expect(diedOutOfMemory("TypeError: x is not a function")).toBe(false);
});
