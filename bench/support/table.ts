/** What a bench found, as Markdown. Pure. */
import { median, spread } from './statistics.ts';

export type Table = { readonly head: readonly string[]; readonly rows: readonly string[][] };

export type Target = {
  /** What was compared, as in "hits per CPU-second ÷ bare node:http". */
  readonly what: string;
  /** One value a round. */
  readonly values: readonly number[];
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Behind the numbers: `ms`, `MB`; ratios have none. */
  readonly unit?: string;
};

export type Report = {
  readonly title: string;
  /** What was done, in a sentence or two. */
  readonly about: string;
  readonly tables: readonly Table[];
  readonly targets: readonly Target[];
  /** What was left out, and why. */
  readonly notes: readonly string[];
  readonly plots: readonly { readonly file: string; readonly svg: string; readonly alt: string }[];
};

export function renderReport(report: Report): string {
  const { title, about, tables, targets, notes, plots } = report;
  return [
    `## ${title}`,
    about,
    ...tables.map(renderTable),
    ...(targets.length > 0 ? [renderTable(targetTable(targets))] : []),
    ...(notes.length > 0 ? [notes.map((note) => `- ${note}`).join('\n')] : []),
    ...plots.map(({ file, alt }) => `![${alt}](${file})`),
  ].join('\n\n');
}

export function renderTable({ head, rows }: Table): string {
  const rule = head.map((_, column) => (column === 0 ? '---' : '--:'));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

export function targetTable(targets: readonly Target[]): Table {
  return {
    head: ['target', 'wanted', 'measured', 'spread', 'rounds', ''],
    rows: targets.map((target) => {
      const { what, values, unit = '' } = target;
      if (values.length === 0) return [what, wanted(target), 'not measured', '', '0', '–'];
      return [
        what,
        wanted(target),
        withUnit(median(values), unit),
        values.length > 1 ? percent(spread(values)) : '–',
        String(values.length),
        verdict(target),
      ];
    }),
  };
}

/** Below means: not reached. A median within the rounds' own spread of the target says so. */
export function verdict({ values, atLeast, atMost }: Target): string {
  const measured = median(values);
  const isReached =
    (atLeast === undefined || measured >= atLeast) && (atMost === undefined || measured <= atMost);
  const limit = atLeast ?? atMost ?? 0;
  const isWithinNoise =
    values.length > 1 && Math.abs(measured - limit) < (spread(values) * measured) / 2;
  return `${isReached ? 'PASS' : 'below'}${isWithinNoise ? ', within noise' : ''}`;
}

function wanted({ atLeast, atMost, unit = '' }: Target): string {
  if (atLeast !== undefined) return `≥ ${withUnit(atLeast, unit)}`;
  return atMost === undefined ? '' : `≤ ${withUnit(atMost, unit)}`;
}

function withUnit(value: number, unit: string): string {
  return unit === '' ? number(value) : `${number(value)} ${unit}`;
}

/** Three digits that mean something. */
export function number(value: number): string {
  if (value === 0) return '0';
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString('en', { maximumFractionDigits: Math.min(3, decimals) });
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

/** A median with the spread of its rounds. */
export function withSpread(values: readonly number[]): string {
  if (values.length === 0) return '–';
  return `${number(median(values))} ± ${percent(spread(values) / 2)}`;
}
