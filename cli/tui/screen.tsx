import { Box, render, Text, useInput } from "ink";
import { memo } from "react";
import type { InkKey } from "./keys.ts";
import type { Shower } from "./open.ts";
import type { TerminalInput, TerminalOutput } from "./terminal.ts";

interface Showing {
  readonly stdin: TerminalInput;
  readonly stdout: TerminalOutput;
  readonly maxFps: number;
  readonly onInput: (input: string, key: InkKey) => void;
}

/** A frame on the screen: one text a row, since text nodes are what Ink spends its time on. */
function Rows({ lines, onInput }: { lines: readonly string[]; onInput: Showing["onInput"] }) {
  useInput(onInput);
  return (
    <Box flexDirection="column">
      {lines.map((text, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place
        <OneRow key={row} text={text} />
      ))}
    </Box>
  );
}

/** A row that stays as it is costs nothing. */
const OneRow = memo(({ text }: { text: string }) => <Text wrap="truncate-end">{text}</Text>);

/** Show frames from the cursor's place on, and only what changes of them; see `openScreen`, which loads this module. */
export function startShowing(first: readonly string[], { stdin, stdout, maxFps, onInput }: Showing): Shower {
  const node = (lines: readonly string[]) => <Rows lines={lines} onInput={onInput} />;
  const app = render(node(first), {
    stdin: stdin as NodeJS.ReadStream,
    stdout: stdout as NodeJS.WriteStream,
    interactive: true,
    incrementalRendering: true,
    exitOnCtrlC: false,
    patchConsole: false,
    maxFps: 2 * maxFps,
  });
  return {
    show: (lines) => app.rerender(node(lines)),
    forget: () => app.clear(),
    end: () => app.unmount(),
    ended: app.waitUntilExit(),
  };
}
