/** The dashboard's queries, put to a Prometheus. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Prometheus } from './prometheus.ts';

const FILE = join(import.meta.dirname, '..', '..', 'deploy', 'grafana', 'dashboard.json');

export type DashboardQuery = { readonly panel: string; readonly expr: string };

type Panel = { readonly title: string; readonly targets?: readonly { readonly expr: string }[] };

export function dashboardQueries(): DashboardQuery[] {
  const { panels }: { panels: Panel[] } = JSON.parse(readFileSync(FILE, 'utf8'));
  return panels.flatMap(({ title: panel, targets = [] }) =>
    targets.map(({ expr }) => ({ panel, expr })),
  );
}

/** A query as Grafana sends it, its variables filled in. */
export function filledIn(expr: string, interval: string): string {
  return expr
    .replaceAll('$job', 'avatar-proxy')
    .replaceAll('$instance', '.*')
    .replaceAll('$__rate_interval', interval);
}

/** @returns the panels whose queries give nothing that could be drawn */
export async function emptyPanels(prometheus: Prometheus, interval: string): Promise<string[]> {
  const empty: string[] = [];
  for (const { panel, expr } of dashboardQueries()) {
    const series = await prometheus.query(filledIn(expr, interval));
    if (!series.some(({ value: [, value] }) => value !== 'NaN')) empty.push(`${panel}: ${expr}`);
  }
  return empty;
}
