import { armsFigure } from "./arms.ts";
import type { Report } from "./collect.ts";
import { COVERAGE, coverageFigure } from "./coverage.ts";
import { curvesFigure } from "./curves.ts";
import type { Spec } from "./figure.ts";
import { counted } from "./format.ts";
import { publishedFor } from "./published.ts";

/** A figure of the report: the name of its files, what it shows in a sentence, its specification. */
export interface Figure {
  readonly name: "coverage" | "arms" | "curves";
  readonly alt: string;
  readonly spec: Spec;
}

const SEEDS_AND_MEANS = "Dots: every seed. Marks: means with 95 % t intervals.";
const DRAWN = `${SEEDS_AND_MEANS} Dashed: exact optimum of what the arm is paid.`;
const DRAWN_AT = `${SEEDS_AND_MEANS} Bars: exact optimum of what the arm is paid, at the coverages of the run.`;

/** The figures of a report: against coverage where it is swept, else a row for each arm; and the learning curves. */
export function figuresOf(report: Report): Figure[] {
  const { scenario, shift, tables, cells, scenarioHash } = report;
  const shown = tables.filter((table) => table.shift === shift);
  const seeds = [...new Set(shown.flatMap(({ rows }) => rows.map((row) => row.seeds.length)))];
  const [fewest, most] = [Math.min(...seeds), Math.max(...seeds)];
  const source = `${scenario.name} (${scenarioHash.slice(0, 8)}), shift ${shift}, ${fewest === most ? counted(most, "seed") : `${fewest} to ${counted(most, "seed")}`} per arm, as deployed.`;
  const primary = tables.filter((table) => table.shift === scenario.primary.shift);
  const curves: Figure = {
    name: "curves",
    alt: `Learning curves: true return against environment steps, by arm, under shift ${scenario.primary.shift}.`,
    spec: curvesFigure(
      primary,
      cells.map(({ result: { arm, seed, point }, curve }) => ({ arm, seed, point, curve })),
      {
        title: "Learning curves",
        lines: [
          source.replace(`shift ${shift}`, `shift ${scenario.primary.shift}`),
          "True return per episode, discounted. Thin: seeds. Thick: their mean. Grey: optimum. Dashed: optimum of what the arm is paid.",
        ],
      },
    ),
  };
  if (!Object.hasOwn(scenario.sweep, COVERAGE)) {
    const caption = { title: "True return by arm", lines: [source, DRAWN] };
    return [
      { name: "arms", alt: `True return of every seed by arm, shift ${shift}.`, spec: armsFigure(shown, caption) },
      curves,
    ];
  }
  const published = publishedFor(scenario);
  const caption = {
    title: "True return against coverage",
    lines: [source, DRAWN_AT, ...(published === undefined ? [] : [published.note])],
    published: published?.values ?? [],
  };
  return [
    {
      name: "coverage",
      alt: `True return against coverage by arm, shift ${shift}.`,
      spec: coverageFigure(shown, caption),
    },
    curves,
  ];
}
