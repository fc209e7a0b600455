import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

/*
 * A real terminal for tests: tmux is the keyboard and the screen, and a shell finds afterwards what a program left of it.
 */

export const hasTmux = spawnSync("tmux", ["-V"]).status === 0;

/** A shell in a terminal of its own. */
export interface Shell {
  /** Keys as tmux names them, or texts as they are typed. */
  press(...keys: readonly string[]): void;
  /** What a person sees. */
  screen(): string;
  /** Look until the screen shows it. @throws Error with the screen after half a minute. */
  see(pattern: RegExp): Promise<string>;
  resize(columns: number, rows: number): void;
  /** The terminal's modes as tmux and the shell's own `stty` tell them, once no program runs in it. */
  state(name: string): Promise<string>;
}

export interface Terminals {
  /** The shells' folder. */
  readonly folder: string;
  open(name: string, columns: number, rows: number): Shell;
  close(): void;
}

/** Terminals in a folder of their own, which `close` removes. */
export function openTerminals(): Terminals {
  const folder = mkdtempSync(join(tmpdir(), "halfwatch-tmux-"));
  const tmux = (...args: readonly string[]): string =>
    execFileSync("tmux", ["-u", "-L", folder.replaceAll("/", "-"), ...args], { encoding: "utf8" });
  return {
    folder,
    open(shell, columns, rows) {
      // A dashboard is not shown in CI.
      const command = "env -u CI PS1='$ ' LANG=C.UTF-8 TERM=tmux-256color bash --norc -i";
      tmux("new-session", "-d", "-s", shell, "-x", String(columns), "-y", String(rows), "-c", folder, command);
      const press = (...keys: readonly string[]) => void tmux("send-keys", "-t", shell, ...keys);
      const screen = () => tmux("capture-pane", "-p", "-t", shell);
      const see = async (pattern: RegExp) => {
        for (let tries = 0; tries < 300; tries++) {
          const text = screen();
          if (pattern.test(text)) return text;
          await wait(100);
        }
        throw new Error(`the screen never showed ${pattern}:\n${screen()}`);
      };
      return {
        ...{ press, screen, see },
        resize: (x, y) => void tmux("resize-window", "-t", shell, "-x", String(x), "-y", String(y)),
        async state(name) {
          // What is typed while a program ends is lost with it.
          for (
            let tries = 0;
            tmux("display", "-p", "-t", shell, "#{pane_current_command}").trim() !== "bash";
            tries++
          ) {
            if (tries > 600) throw new Error(`a program is still there:\n${screen()}`);
            await wait(50);
          }
          press(`clear; stty -a > ${name}; echo ${name}-$((40 + 2))`, "Enter");
          await see(new RegExp(`^${name}-42$`, "m"));
          const flags = "#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{wrap_flag}";
          return `${tmux("display", "-p", "-t", shell, flags)}${readFileSync(join(folder, name), "utf8")}`;
        },
      };
    },
    close() {
      spawnSync("tmux", ["-L", folder.replaceAll("/", "-"), "kill-server"]);
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
