import { canonicalJson } from "../core/hash.ts";
import { failedControls, VERDICT_THRESHOLDS } from "../evaluation/verdict.ts";
import { PLACEBOS } from "../routing/arms/table.ts";
import type { ShiftOutcome } from "../runs/outcome.ts";
import type { Scenario } from "../scenario/schema.ts";
import type { BootstrapInterval } from "../statistics/bootstrap.ts";
import { mean } from "../statistics/intervals.ts";
import { deployedRows, type ReportTable } from "./claims.ts";
import type { Report, ReportCell } from "./collect.ts";
import { bounds, counted, fixed, grouped, percent, pointText, probability } from "./format.ts";
import { FEW_SEEDS, summariseVerdicts } from "./summary.ts";

/** A part of the report's text; Markdown and HTML are two ways to write the same parts. */
export type Block =
  | { readonly kind: "heading"; readonly level: 1 | 2 | 3; readonly text: string }
  | { readonly kind: "paragraph"; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly string[] }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "figure"; readonly name: string; readonly alt: string }
  | { readonly kind: "table"; readonly columns: readonly Column[]; readonly rows: readonly (readonly string[])[] };

export interface Column {
  readonly head: string;
  readonly align: "left" | "right";
}

const left = (head: string): Column => ({ head, align: "left" });
const right = (head: string): Column => ({ head, align: "right" });

/** The whole text of a report. `figures` are drawn at its head: names, and what they show in a sentence. */
export function describeReport(
  report: Report,
  figures: readonly { readonly name: string; readonly alt: string }[],
): Block[] {
  const { scenario, shift, tables, overall } = report;
  const shifts = [...new Set(tables.map((table) => table.shift))];
  return [
    { kind: "heading", level: 1, text: report.run },
    ...(scenario.about === "" ? [] : [{ kind: "paragraph", text: scenario.about } as const]),
    { kind: "paragraph", text: sentenceOf(report) },
    ...(warningsOf(report).length === 0 ? [] : [{ kind: "list", items: warningsOf(report) } as const]),
    ...figures.map(({ name, alt }): Block => ({ kind: "figure", name, alt })),
    ...(overall.length === 0 ? [] : overallBlocks(report)),
    ...shifts.flatMap((name): Block[] => [
      { kind: "heading", level: 2, text: `Shift ${name}${name === scenario.primary.shift ? " (primary)" : ""}` },
      ...tables.filter((table) => table.shift === name).flatMap((table) => tableBlocks(table, report)),
    ]),
    { kind: "heading", level: 2, text: "How to read this" },
    { kind: "list", items: legend(report) },
    { kind: "heading", level: 2, text: "How this was made" },
    ...provenance(report, shift),
  ];
}

/** The fewest seeds of any arm at any point, as deployed; the number that a claim rests on. */
export function fewestSeeds({ tables }: Report): number {
  return Math.min(...tables.flatMap(deployedRows).map(({ seeds }) => seeds.length));
}

function sentenceOf({ scenario, shift, points, cells, tables }: Report): string {
  const swept = Object.keys(scenario.sweep);
  // What differs from point to point is said with all its values.
  const all = (of: (oversight: Scenario["oversight"]) => string | undefined) =>
    [...new Set(tables.flatMap(({ oversight }) => of(oversight) ?? []))].join(" or ");
  const coverage = all(({ coverage }) => (typeof coverage === "number" ? percent(coverage) : undefined));
  return [
    `Scenario ${scenario.name}: world ${scenario.world.kind}, oversight ${all(({ kind }) => kind)}`,
    coverage === "" ? "" : `, coverage ${coverage}`,
    `, marks ${all(({ visible }) => (visible ? "visible" : "hidden"))}; ${counted(scenario.arms.length, "arm")}`,
    swept.length === 0 ? "" : `, ${counted(points.length, "point")} of a sweep over ${swept.join(" and ")}`,
    `; ${counted(cells.length, "cell")} finished. Figures show shift ${shift}.`,
  ].join("");
}

/** Which arms learned from nothing in some of their updates. */
function idleArms({ cells, scenario }: Report): string[] {
  return scenario.arms.flatMap((arm) => {
    const own = cells.filter(({ result }) => result.arm === arm);
    const sum = (of: (cell: ReportCell) => number) => own.reduce((total, cell) => total + of(cell), 0);
    const [idle, all] = [sum((cell) => cell.idle[0]), sum((cell) => cell.idle[1])];
    return idle === 0
      ? []
      : [`${arm} kept no rows in ${grouped(idle)} of its ${counted(all, "update")}, and learned nothing there.`];
  });
}

function warningsOf(report: Report): string[] {
  const fewest = fewestSeeds(report);
  const hasRoute = report.tables.some((table) => deployedRows(table).some(({ arm }) => arm === "route"));
  const absent = PLACEBOS.filter((placebo) => !report.cells.some(({ result }) => result.arm === placebo));
  return [
    ...(fewest < FEW_SEEDS
      ? [`Only ${counted(fewest, "seed")} in the smallest group: fewer than ${FEW_SEEDS} carry no claim.`]
      : []),
    ...(hasRoute && absent.length > 0 ? [`Placebos not run: ${absent.join(", ")}.`] : []),
    ...idleArms(report),
    ...report.leftOut.map((text) => `${text[0].toUpperCase()}${text.slice(1)}.`),
  ];
}

function tableBlocks(table: ReportTable, { scenario, cells }: Pick<Report, "scenario" | "cells">): Block[] {
  const rows = deployedRows(table);
  const others = table.rows.filter(({ deployed }) => !deployed);
  const point = pointText(table.point);
  const head: Block[] = [
    ...(point === "" ? [] : [{ kind: "heading", level: 3, text: point } as const]),
    {
      kind: "paragraph",
      text: `True return per episode, discounted, ${table.exact ? "exact over" : "exact on each of"} ${counted(table.levels, "level")}${table.exact ? "" : " drawn"}; optimum ${fixed(table.optimum)}, random ${fixed(table.random)}.`,
    },
  ];
  if (rows.length === 0) return [...head, { kind: "paragraph", text: "No cell is finished here." }];
  return [
    ...head,
    armTable(table),
    ...claimBlocks(table, scenario),
    ...(table.shift === scenario.primary.shift ? verdictBlocks(table) : []),
    ...selectionBlocks(table, scenario),
    ...moduleBlocks(table, cells),
    ...(others.length === 0
      ? []
      : [
          { kind: "paragraph", text: "Other views:" } as const,
          {
            kind: "table",
            columns: [
              left("arm"),
              left("view"),
              right("n"),
              right("mean"),
              left("95 % t"),
              right("theory"),
              right("proxy"),
            ],
            rows: others.map(({ arm, view, trueReturn, theory, proxyReturn }) => [
              ...[arm, view, String(trueReturn.n), fixed(trueReturn.mean), bounds(trueReturn), theoryText(theory)],
              fixed(proxyReturn.mean),
            ]),
          } as const,
        ]),
  ];
}

function armTable(table: ReportTable): Block {
  const rows = deployedRows(table);
  const events = Object.keys(rows[0].rates);
  return {
    kind: "table",
    columns: [
      ...[left("arm"), left("view"), right("n"), right("mean"), left("95 % t"), right("IQM"), left("95 % bootstrap")],
      ...[right("theory"), left("seeds above half"), right("proxy"), ...events.map(right)],
      ...[right("labels"), right("episodes"), right("steps")],
    ],
    rows: rows.map((row) => {
      const { iqm, aboveHalf } = table.statistics.get(row) ?? { iqm: null, aboveHalf: null };
      return [
        ...[row.arm, row.view, String(row.trueReturn.n), fixed(row.trueReturn.mean), bounds(row.trueReturn)],
        ...(iqm === null ? ["–", "–"] : [fixed(iqm.estimate), bounds(iqm)]),
        theoryText(row.theory),
        aboveHalf === null ? "–" : `${aboveHalf.successes}/${aboveHalf.n} ${bounds(aboveHalf)}`,
        fixed(row.proxyReturn.mean),
        ...events.map((event) => fixed(row.rates[event])),
        ...[grouped(row.labelled), grouped(row.episodes), grouped(row.steps)],
      ];
    }),
  };
}

/** `route` against every other arm, its placebos always among them. */
function claimBlocks(table: ReportTable, { primary }: Scenario): Block[] {
  const rows = deployedRows(table);
  if (!rows.some(({ arm }) => arm === "route")) return [];
  const tested = table.shift === primary.shift;
  const absent = PLACEBOS.filter((placebo) => !table.claims.some(({ against }) => against === placebo));
  const said = (placebo: string) => (rows.some(({ arm }) => arm === placebo) ? "other seeds" : "not run");
  const columns = [
    ...[left("route against"), left(""), right("n"), right("difference"), left("95 % t"), left("95 % bootstrap")],
    ...[right("P(improvement)"), left("95 %")],
    ...(tested ? [right("p"), right("p (Holm)")] : []),
  ];
  return [
    { kind: "paragraph", text: "On the same seeds, true return:" },
    {
      kind: "table",
      columns,
      rows: [
        ...table.claims.map((claim) => [
          ...[claim.against, claim.placebo ? "placebo" : "", String(claim.seeds.length)],
          ...[signed(claim.difference.mean), bounds(claim.difference), bounds(claim.bootstrap)],
          ...[fixed(claim.improvement.estimate), bounds(claim.improvement)],
          ...(tested ? [claim.p, claim.pHolm].map((p) => (p === null ? "–" : probability(p))) : []),
        ]),
        ...absent.map((placebo) => [placebo, "placebo", said(placebo), ...columns.slice(3).map(() => "–")]),
      ],
    },
  ];
}

/** What each arm pursues where nobody looks: the three numbers that say so, and every seed with each control. */
function verdictBlocks(table: ReportTable): Block[] {
  const number = (value: number | null) => (value === null ? "–" : fixed(value));
  const bound = VERDICT_THRESHOLDS;
  const rows = deployedRows(table);
  const controls = [
    ...new Set(rows.flatMap(({ verdicts = [] }) => verdicts.flatMap((own) => Object.keys(own.controls)))),
  ];
  return [
    {
      kind: "paragraph",
      text: `Verdict (of the last checkpoint, as deployed; normalised: 0 is chance, 1 the optimum): true and proxy return on levels where the goals part, and capability, the lowest true return on levels where they agree, with action noise, mirrored, and without the proxy's object. Misgeneralized: true below ${bound.trueReturn}, proxy above ${bound.proxyReturn}, capability above ${bound.capability}.`,
    },
    {
      kind: "table",
      columns: [left("arm"), right("true"), right("proxy"), right("capability"), left("seeds")],
      rows: deployedRows(table).map(({ arm, verdicts = [] }) => {
        const { trueReturn, proxyReturn, capability, counts } = summariseVerdicts(verdicts);
        return [
          ...[arm, number(trueReturn), number(proxyReturn), number(capability)],
          counts.map(([name, count]) => `${count} ${name}`).join(", "),
        ];
      }),
    },
    {
      kind: "table",
      columns: [
        ...[left("arm"), right("seed"), left("verdict"), right(`true (aligned: at least ${bound.trueReturn})`)],
        right(`proxy (above ${bound.proxyReturn})`),
        ...controls.map((control) => right(`${control} (above ${bound.capability})`)),
        left("failed"),
      ],
      rows: rows.flatMap(({ arm, seeds, verdicts = [] }) =>
        verdicts.map((own, i) => [
          ...[arm, String(seeds[i]), own.verdict, number(own.trueReturn), number(own.proxyReturn)],
          ...controls.map((control) => number(own.controls[control as keyof typeof own.controls] ?? null)),
          failedControls(own).join(", ") || "–",
        ]),
      ),
    },
  ];
}

/** The three rules of selection from the same trainings, and what choosing by the ground truth would have added. */
function selectionBlocks(table: ReportTable, { primary }: Scenario): Block[] {
  return [
    {
      kind: "paragraph",
      text: `Selection of the checkpoint (above: ${primary.select}), mean true return; the leak is oracle - label-legal:`,
    },
    {
      kind: "table",
      columns: [
        left("arm"),
        right("last"),
        right("label-legal"),
        right("oracle"),
        right("leak"),
        right("labels for it"),
      ],
      rows: deployedRows(table).flatMap(({ arm, selections, validated }) => {
        if (selections === undefined) return [];
        const { last, "label-legal": legal, oracle } = selections;
        const means = [last.mean, legal.mean, oracle.mean, oracle.mean - legal.mean];
        return [[arm, ...means.map((value) => fixed(value)), grouped(validated)]];
      }),
    },
  ];
}

/** How far the modules of each arm part, and how much of the proxy the deployed one keeps: means over the seeds. Arms of one module have neither. */
function moduleBlocks(table: ReportTable, cells: readonly ReportCell[]): Block[] {
  const rows = deployedRows(table).flatMap(({ arm }) => {
    const own = cells.filter(({ result }) => result.arm === arm && isAt(result.point, table.point));
    const shifts = own.map(({ outcome }) => outcome.shifts[table.shift]);
    return shifts.some(({ separation }) => Object.keys(separation).length > 0) ? [{ arm, shifts }] : [];
  });
  const namesIn = (of: (shift: ShiftOutcome) => object) => [
    ...new Set(rows.flatMap(({ shifts }) => shifts.flatMap((shift) => Object.keys(of(shift))))),
  ];
  const views = namesIn(({ separation }) => separation);
  const events = namesIn(({ leakage }) => leakage);
  if (rows.length === 0) return [];
  return [
    {
      kind: "paragraph",
      text: "Modules: separation is the deployed module's true return less that of the other one; leakage is how much of an event that the proxy alone rewards is left, P(deployed) / P(full):",
    },
    {
      kind: "table",
      columns: [
        left("arm"),
        ...views.map((view) => right(`separation from ${view}`)),
        ...events.map((event) => right(`leakage of ${event}`)),
      ],
      rows: rows.map(({ arm, shifts }) => [
        arm,
        ...views.map((view) => meanText(shifts.map(({ separation }) => separation[view]))),
        ...events.map((event) => meanText(shifts.map(({ leakage }) => leakage[event]))),
      ]),
    },
  ];
}

const isAt = (point: object, other: object): boolean => canonicalJson(point) === canonicalJson(other);

/** A mean over seeds; a dash where one of them has none. */
function meanText(values: readonly (number | null | undefined)[]): string {
  const known = values.filter((value) => typeof value === "number");
  return known.length < values.length || known.length === 0 ? "–" : fixed(mean(known));
}

function overallBlocks({ overall, shift, points }: Report): Block[] {
  const row = (estimate: BootstrapInterval | null) =>
    estimate === null ? ["–", "–"] : [fixed(estimate.estimate), bounds(estimate)];
  return [
    { kind: "heading", level: 2, text: `All ${points.length} points together, shift ${shift}` },
    {
      kind: "paragraph",
      text: "Normalised true return: 0 is the random policy, 1 the optimum. The points are the strata of the bootstrap.",
    },
    {
      kind: "table",
      columns: [
        left("arm"),
        right("cells"),
        right("IQM"),
        left("95 %"),
        right("P(route improves on it)"),
        left("95 %"),
      ],
      rows: overall.map(({ arm, seeds, iqm, improvement }) => [arm, String(seeds), ...row(iqm), ...row(improvement)]),
    },
  ];
}

function legend({ scenario }: Report): string[] {
  const { metric, shift, select } = scenario.primary;
  return [
    "The unit is the training seed; n counts seeds. Levels are inside it: returns of one seed are exact or over the same levels.",
    "95 % t: Student's interval of the mean. IQM: interquartile mean (a quarter cut off at each end), percentile interval of 10,000 bootstrap resamples of the seeds, drawn from a fixed random stream. With few seeds the bootstrap is somewhat narrow (5 normal values: 91 % instead of 95): trust the t interval.",
    "theory: the exact optimum of what the arm is paid, as it acts in this shift with all modules (view full); a dash where there is none. It is a limit that training tends to, not a bound.",
    "seeds above half: seeds with a normalised true return of at least 0.5, with Wilson's interval of their fraction.",
    "P(improvement): how often a seed of route beats a seed of the other arm, ties counting half; 0.5 is no difference.",
    `p: sign-flip permutation test of the paired differences in the one primary metric (${metric}, shift ${shift}, checkpoint ${select}), two-sided; p (Holm): corrected over all arms and points under that shift. n seeds cannot give less than 2^(1 - n). Other shifts are not tested: nothing was declared there.`,
    "A placebo is route without what is claimed to work: its labels drawn at random, or its masks off. What a placebo reaches too is not due to routing.",
    "Costs per seed: labels are inspected episodes, timeouts included; episodes and environment steps are those of training.",
  ];
}

function provenance(report: Report, shift: string): Block[] {
  const { scenario, scenarioHash, versions, commands, reporter, engine, run } = report;
  const shown = shift === scenario.primary.shift ? "" : ` --shift ${shift}`;
  return [
    {
      kind: "list",
      items: [
        `scenario hash ${scenarioHash}`,
        `trained by halfwatch ${versions.halfwatch ?? "of unknown version"}, engine ${engine}, checkpoint format ${versions.checkpoint ?? "unknown"}`,
        `reported by halfwatch ${reporter}`,
      ],
    },
    ...(commands.length === 0
      ? []
      : [
          { kind: "paragraph", text: "What was asked for:" } as const,
          { kind: "code", text: commands.join("\n") } as const,
        ]),
    {
      kind: "paragraph",
      text: "The first line trains the cells again (scenario.json stands beside this page), the second writes this report:",
    },
    {
      kind: "code",
      text: `halfwatch run scenario.json --engine ${engine} --out runs\nhalfwatch report runs/${run}${shown}`,
    },
  ];
}

const theoryText = (theory: number | string): string => (typeof theory === "number" ? fixed(theory) : "–");
const signed = (value: number): string => (fixed(value).startsWith("-") ? fixed(value) : `+${fixed(value)}`);
