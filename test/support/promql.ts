/** What an expression of Prometheus refers to, as far as it can be told without reading the language. */
import type { Family } from './exposition.ts';

type Reference = {
  readonly metric: string;
  readonly matchers: readonly Matcher[];
};

type Matcher = { readonly label: string; readonly operator: string; readonly value: string };

const METRIC = /\b(?<metric>(?:avatar|process|nodejs)_\w+)(?:\{(?<matchers>[^}]*)\})?/g;
const MATCHER = /(?<label>\w+)(?<operator>=~|!~|!=|=)"(?<value>[^"]*)"/g;
const GROUPING = /\b(?:by|on|without|ignoring) \((?<labels>[^)]*)\)/g;
/** Prometheus itself puts these on every series. */
const OF_SCRAPING = new Set(['job', 'instance']);

export function references(expression: string): Reference[] {
  return Array.from(expression.matchAll(METRIC), ({ groups }) => ({
    metric: groups?.['metric'] ?? '',
    matchers: Array.from((groups?.['matchers'] ?? '').matchAll(MATCHER), (match) => ({
      label: match.groups?.['label'] ?? '',
      operator: match.groups?.['operator'] ?? '',
      value: match.groups?.['value'] ?? '',
    })),
  }));
}

/** @returns what the expression takes for granted that is not exported: nothing, if all is well */
export function unknownIn(expression: string, families: ReadonlyMap<string, Family>): string[] {
  const found = references(expression).flatMap((reference) => unknownOf(reference, families));
  const labels = new Set(
    references(expression).flatMap(({ metric }) => labelsOf(metric, families)),
  );
  const grouped = Array.from(expression.matchAll(GROUPING), ({ groups }) =>
    (groups?.['labels'] ?? '').split(',').map((label) => label.trim()),
  ).flat();
  const strange = grouped.filter((label) => !labels.has(label) && !OF_SCRAPING.has(label));
  return [...found, ...strange.map((label) => `no metric here has the label ${label}`)];
}

function unknownOf(
  { metric, matchers }: Reference,
  families: ReadonlyMap<string, Family>,
): string[] {
  const samples = samplesOf(metric, families);
  if (samples.length === 0) return [`${metric} is not exported`];
  return matchers
    .filter(({ label }) => !OF_SCRAPING.has(label))
    .flatMap(({ label, operator, value }) => {
      const values = samples.flatMap(({ labels }) => labels[label] ?? []);
      const wanted = operator.endsWith('~') ? value.split('|') : [value];
      return wanted
        .filter((text) => !values.some((each) => matches(each, text, operator)))
        .map((text) => `${metric} has no ${label} "${text}"`);
    });
}

function matches(value: string, text: string, operator: string): boolean {
  return operator.endsWith('~') ? new RegExp(`^(?:${text})$`).test(value) : value === text;
}

function labelsOf(metric: string, families: ReadonlyMap<string, Family>): string[] {
  return samplesOf(metric, families).flatMap(({ labels }) => Object.keys(labels));
}

function samplesOf(metric: string, families: ReadonlyMap<string, Family>): Family['samples'] {
  const all = [...families.values()].flatMap(({ samples }) => samples);
  return all.filter(({ name }) => name === metric);
}
