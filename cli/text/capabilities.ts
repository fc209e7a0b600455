/** What the terminal can show. A plain value: computed once, in {@link capabilitiesOf}, and passed down to whatever draws. */
export interface Capabilities {
  readonly colours: "none" | "16" | "256" | "truecolor";
  /** Whether arrows, bars, braille and box lines can be shown; else their ASCII twins are. */
  readonly unicode: boolean;
}

/** Plain text, as it goes into a pipe or a file. */
export const PLAIN: Capabilities = { colours: "none", unicode: true };

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Read from the environment: NO_COLOR and FORCE_COLOR (0, 1, 2, 3 or nothing) before COLORTERM and TERM; Unicode where the locale says
 * UTF-8, or on a Windows terminal that is not the old console. HALFWATCH_ASCII=1 asks for ASCII.
 */
export function capabilitiesOf(environment: Environment, platform: NodeJS.Platform): Capabilities {
  return { colours: coloursOf(environment, platform), unicode: hasUnicode(environment, platform) };
}

function coloursOf(environment: Environment, platform: NodeJS.Platform): Capabilities["colours"] {
  const { NO_COLOR, FORCE_COLOR, COLORTERM = "", TERM = "" } = environment;
  if (NO_COLOR !== undefined && NO_COLOR !== "") return "none";
  switch (FORCE_COLOR) {
    case "0":
    case "false":
      return "none";
    case "1":
      return "16";
    case "2":
      return "256";
    case "3":
      return "truecolor";
  }
  if (TERM === "dumb") return FORCE_COLOR === undefined ? "none" : "16";
  if (/^(truecolor|24bit)$/i.test(COLORTERM) || /-(direct|truecolor)$/.test(TERM)) return "truecolor";
  if (environment.WT_SESSION !== undefined) return "truecolor";
  if (/-256(color)?$/.test(TERM)) return "256";
  return TERM === "" && platform !== "win32" && FORCE_COLOR === undefined ? "none" : "16";
}

function hasUnicode(environment: Environment, platform: NodeJS.Platform): boolean {
  const { HALFWATCH_ASCII, TERM, LC_ALL, LC_CTYPE, LANG } = environment;
  if (HALFWATCH_ASCII !== undefined && HALFWATCH_ASCII !== "" && HALFWATCH_ASCII !== "0") return false;
  // The kernel's own console has 512 glyphs, and braille is not among them.
  if (TERM === "linux" || TERM === "dumb") return false;
  if (platform === "win32") return environment.WT_SESSION !== undefined || environment.TERM_PROGRAM === "vscode";
  // The first that is set decides, as in setlocale; macOS terminals are UTF-8 whatever the locale.
  const locale = [LC_ALL, LC_CTYPE, LANG].find((text) => text !== undefined && text !== "");
  return /utf-?8/i.test(locale ?? "") || platform === "darwin";
}

/** What lines on a stream can hold: of a terminal what it can show, of a pipe or a file Unicode. */
export function printedCapabilities({ isTTY }: { readonly isTTY?: boolean }): Capabilities {
  return isTTY ? { ...capabilitiesOf(process.env, process.platform), colours: "none" } : PLAIN;
}

/** What this process's terminal can show; null where lines are to be printed instead: no terminal, CI, `--plain`, `--json`. */
export function liveCapabilities(options: { readonly plain?: boolean; readonly json?: boolean }): Capabilities | null {
  const isTerminal = process.stdout.isTTY === true && process.stdin.isTTY === true && process.env.TERM !== "dumb";
  if (!isTerminal || options.plain || options.json || process.env.CI) return null;
  return capabilitiesOf(process.env, process.platform);
}
