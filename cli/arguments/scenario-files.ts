import { existsSync, readdirSync, realpathSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { UserError } from "../../src/core/errors.ts";
import { suggest } from "../../src/core/suggest.ts";
import { allowCode, refuseCode } from "../../src/runs/own-code.ts";
import { type LoadedScenario, loadScenario } from "../../src/scenario/load.ts";
import { packageRoot } from "../package.ts";
import { readInputText } from "./input-file.ts";

/** Where scenarios are looked for: ./scenarios, then the package's own. */
const folders = (): string[] => ["scenarios", relative(process.cwd(), join(packageRoot(), "scenarios"))];

/** The scenario files of ./scenarios and of the package, each once, as they are named on the command line. */
export function scenarioFiles(): string[] {
  const found = new Map<string, string>();
  for (const path of folders().flatMap(yamlIn)) {
    const real = realpathSync(path);
    if (!found.has(real)) found.set(real, path);
  }
  return [...found.values()].sort();
}

/** What commands that read a scenario have in common. */
export interface ScenarioOptions {
  readonly set?: readonly string[];
  readonly allowCode?: boolean;
}

/** Read a scenario file, `--set` and all; without `sweep` where a command looks at one point. @throws UserError with all that is wrong. */
export function readScenario(
  path: string,
  { set = [], allowCode: isAllowed = false }: ScenarioOptions,
  sweep: "keep" | "ignore" = "ignore",
): LoadedScenario {
  return loadScenario({ path, readText: readScenarioText, set, sweep, bring: isAllowed ? allowCode : refuseCode });
}

/** The text of a scenario file; where there is none, the message names the one that was probably meant. @throws UserError */
export function readScenarioText(path: string): string {
  try {
    return readInputText(path);
  } catch (error) {
    if (!(error instanceof UserError) || existsSync(path)) throw error;
    const known = [dirname(path), ...folders()].flatMap(yamlIn);
    const name = suggest(nameOf(path), known.map(nameOf));
    const meant = known.find((each) => nameOf(each) === name);
    throw new UserError(
      `${error.message}${meant === undefined ? "" : `; did you mean ${meant}?`}`,
      "`halfwatch list scenarios` names those that there are",
    );
  }
}

const nameOf = (path: string): string => basename(path).replace(/\.ya?ml$/, "");

/** Paths of a folder's YAML files; none where it cannot be read. */
function yamlIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((file) => /\.ya?ml$/.test(file))
      .map((file) => join(folder, file));
  } catch {
    return [];
  }
}
