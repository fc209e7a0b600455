import { UserError } from "../../src/core/errors.ts";
import { suggest } from "../../src/core/suggest.ts";
import { WORLDS } from "../../src/envs/worlds/table.ts";
import { OVERSEERS } from "../../src/oversight/overseers/table.ts";
import { ARMS } from "../../src/routing/arms/table.ts";
import { loadScenario } from "../../src/scenario/load.ts";
import { readInputText } from "../arguments/input-file.ts";
import { scenarioFiles } from "../arguments/scenario-files.ts";
import { print, printJson } from "../output.ts";
import { alignColumns } from "../text/columns.ts";

export interface ListOptions {
  readonly json?: boolean;
}

interface Listed {
  readonly name: string;
  readonly about: string;
  /** Of a scenario: the file to name on the command line. */
  readonly path?: string;
}

/** What there is to choose from. */
export async function run([topic]: readonly string[], { json }: ListOptions): Promise<void> {
  const topics = new Map<string, () => readonly Listed[]>([
    ["worlds", () => [...WORLDS.values()].map(({ kind, about }) => ({ name: kind, about }))],
    ["overseers", () => [...OVERSEERS.values()].map(({ kind, about }) => ({ name: kind, about }))],
    ["arms", () => [...ARMS.values()].map(({ name, about }) => ({ name, about }))],
    ["scenarios", listScenarios],
  ]);
  if (topic !== undefined && !topics.has(topic)) {
    const meant = suggest(topic, topics.keys());
    throw new UserError(
      `unknown topic ${topic} for 'list'${meant === undefined ? "" : `; did you mean ${meant}?`}`,
      `topics: ${[...topics.keys()].join(", ")}`,
    );
  }
  const chosen = [...topics].filter(([name]) => topic === undefined || name === topic);
  const lists = chosen.map(([name, list]): [string, readonly Listed[]] => [name, list()]);
  if (json) {
    printJson(Object.fromEntries(lists));
    return;
  }
  for (const [index, [name, list]] of lists.entries()) {
    if (topic === undefined) print(`${index > 0 ? "\n" : ""}${name}`);
    const indent = topic === undefined ? "  " : "";
    for (const line of alignColumns(list.map((item) => [indent + (item.path ?? item.name), item.about]))) print(line);
  }
}

/** The scenarios that there are; one that cannot be read says so. */
function listScenarios(): Listed[] {
  return scenarioFiles().map((path) => {
    try {
      const { scenario } = loadScenario({ path, readText: readInputText });
      return { name: scenario.name, path, about: scenario.about.split("\n")[0] };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { name: path, path, about: `invalid: ${error.message.split("\n")[0]}` };
    }
  });
}
