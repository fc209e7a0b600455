/*
 * An action and what must be done after it whether it succeeds or not. `try ... finally` throws the error of the `finally` block where both
 * fail: then a disk that is full is told as a lock that could not be given up. Here the first error is thrown; what cleaning up throws after
 * it is taken for a consequence.
 */

/** @throws what `action` throws, else what `cleanUp` throws. */
export function ensure<T>(action: () => T, cleanUp: () => void): T {
  let result: T;
  try {
    result = action();
  } catch (error) {
    attempt(cleanUp);
    throw error;
  }
  cleanUp();
  return result;
}

/** {@link ensure} of an action that is awaited. */
export async function ensureLater<T>(action: () => Promise<T>, cleanUp: () => void | Promise<void>): Promise<T> {
  let result: T;
  try {
    result = await action();
  } catch (error) {
    try {
      await cleanUp();
    } catch {
      // A consequence.
    }
    throw error;
  }
  await cleanUp();
  return result;
}

/** Do it, and take no notice of what it throws: for what comes after an error that is to be told. */
export function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // A consequence.
  }
}
