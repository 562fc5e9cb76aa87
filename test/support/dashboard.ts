/** The dashboard's queries, put to a Prometheus. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Prometheus } from './prometheus.ts';

const FILE = join(import.meta.dirname, '..', '..', 'deploy', 'grafana', 'dashboard.json');

type DashboardQuery = { readonly panel: string; readonly expr: string };

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

/**
 * What is at zero where all is well, where nobody waits at the moment, or where there is no database and
 * nothing to be begun twice.
 */
const OFTEN_ZERO =
  /avatar_(?:shed_total|connections_dropped|renders_(?:waiting|running)|render_queue_oldest|renderer_(?:deaths|failed)|originals_quarantined|original_(?:store_in|fallbacks|hedges)|reads_(?:running|waiting)|directory_lookups|log_lines_dropped|shared_variant_writes_waiting)|status=~"5\.\."/;

/** @returns the panels whose queries give nothing to be drawn, or zeros where there was something to count */
export async function emptyPanels(prometheus: Prometheus, interval: string): Promise<string[]> {
  const empty: string[] = [];
  for (const { panel, expr } of dashboardQueries()) {
    const series = await prometheus.query(filledIn(expr, interval));
    const isEmpty = OFTEN_ZERO.test(expr) ? isNone : isZero;
    if (series.every(({ value: [, value] }) => isEmpty(value))) empty.push(`${panel}: ${expr}`);
  }
  return empty;
}

function isNone(value: string): boolean {
  return value === 'NaN';
}

function isZero(value: string): boolean {
  return isNone(value) || Number(value) === 0;
}
