/** Milliseconds that cells have to finish their update and save. */
const PATIENCE = 20_000;

/** What Ctrl-C, SIGTERM or a key asks of the cells that train. */
export interface Stopping {
  /** Save and stop. */
  readonly signal: AbortSignal;
  /** End at once: asked twice, or out of patience. */
  readonly kill: AbortSignal;
  request(): void;
  /** Listen no longer. */
  end(): void;
}

export function listenForStop(): Stopping {
  const stop = new AbortController();
  const kill = new AbortController();
  let patience: NodeJS.Timeout | undefined;
  const request = () => {
    if (stop.signal.aborted) return kill.abort();
    stop.abort();
    patience = setTimeout(() => kill.abort(), PATIENCE);
  };
  process.on("SIGINT", request).on("SIGTERM", request);
  return {
    signal: stop.signal,
    kill: kill.signal,
    request,
    end: () => {
      clearTimeout(patience);
      process.off("SIGINT", request).off("SIGTERM", request);
    },
  };
}
