import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { rolldown } from "rolldown";

/*
 * Puts Ink, React and all that they need into the one compiled file that imports them: hundreds of small files take three times as long to
 * load. Their licences stand beside it. Where it cannot be done the file stays as it is, which works as well.
 *
 *     node scripts/bundle-ink.ts dist
 */

const folder = resolve(process.argv[2] ?? "dist");
const file = join(folder, "cli/tui/ink.js");

/** The folder of the package that a module belongs to. */
function packageOf(module: string): string {
  let above = dirname(module);
  while (!/"name":/.test(ifThere(join(above, "package.json")))) above = dirname(above);
  return above;
}

const ifThere = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "");

function licenceOf(path: string): string {
  const { name, version, license, author, repository } = JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
  const file = readdirSync(path).find((each) => /^licen[cs]e/i.test(each));
  const text = file === undefined ? `By ${author}: ${repository.url}` : readFileSync(join(path, file), "utf8").trim();
  return `${name} ${version}, ${license}\n\n${text}\n`;
}

try {
  const bundle = await rolldown({
    input: file,
    platform: "node",
    // Our own files are loaded already; Ink's devtools are for who works on Ink.
    external: (name, importer) => (importer === file && name.startsWith(".")) || name === "./devtools.js",
    transform: { define: { "process.env.NODE_ENV": '"production"' } },
  });
  const { output } = await bundle.generate({ format: "esm", comments: { legal: true } });
  const [chunk] = output;
  if (output.length !== 1) throw new Error(`${output.length} files instead of one`);
  const packages = new Set(chunk.moduleIds.filter((id) => id.includes("node_modules")).map(packageOf));
  writeFileSync(file, chunk.code);
  writeFileSync(
    join(folder, "cli/tui/ink.licences.txt"),
    [...packages]
      .sort()
      .map(licenceOf)
      .join(`\n${"-".repeat(80)}\n`),
  );
} catch (error) {
  console.warn(`Ink is not bundled: ${error instanceof Error ? error.message : error}`);
}
