/** The dashboard and the alert rules, against the metrics the service exports. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dashboard } from '../../scripts/dashboard/model.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { dashboardQueries, filledIn } from '../support/dashboard.ts';
import { type Family, parseExposition } from '../support/exposition.ts';
import { hasPrometheus, promtool } from '../support/prometheus.ts';
import { references, unknownIn } from '../support/promql.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const RULES = join(ROOT, 'deploy', 'prometheus', 'alerts.yml');
const RULE_TESTS = join(ROOT, 'deploy', 'prometheus', 'alerts.test.yml');

const rules = readFileSync(RULES, 'utf8');
const alerts = Array.from(rules.matchAll(/- alert: (?<name>\w+)/g), ({ 1: name = '' }) => name);
const queries = dashboardQueries();

let app: TestApp;
let families: Map<string, Family>;

beforeAll(async () => {
  app = await startApp();
  // Nothing has been asked yet: what there can be is there from the start.
  families = parseExposition((await app.admin.inject('/metrics')).body);
});

afterAll(() => app.close());

describe('the dashboard', () => {
  it('is the one the scripts make', () => {
    // When this fails: `npm run dashboard`.
    const file = readFileSync(join(ROOT, 'deploy', 'grafana', 'dashboard.json'), 'utf8');
    expect(JSON.parse(file)).toEqual(JSON.parse(JSON.stringify(dashboard())));
  });

  it.each(queries)('asks for what there is: $panel', ({ expr }) => {
    expect(references(expr)).not.toEqual([]);
    expect(unknownIn(expr, families)).toEqual([]);
  });

  it('shows every metric of the service itself', () => {
    const shown = new Set(queries.flatMap(({ expr }) => references(expr)).map(familyName));
    const own = [...families.keys()].filter((name) => name.startsWith('avatar_'));
    expect(own.filter((name) => !shown.has(name))).toEqual([]);
  });

  it.runIf(hasPrometheus)('has no query that Prometheus cannot read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'avatar-dashboard-'));
    const file = join(folder, 'queries.yml');
    // As recording rules: those promtool reads.
    const recorded = queries.map(({ expr }, index) => ({
      record: `query:${index}`,
      expr: filledIn(expr, '1m'),
    }));
    await writeFile(file, JSON.stringify({ groups: [{ name: 'queries', rules: recorded }] }));
    expect(await promtool(['check', 'rules', file])).toBe('');
    await rm(folder, { recursive: true });
  });
});

describe('the alert rules', () => {
  it('ask for what there is', () => {
    expect(references(rules).length).toBeGreaterThan(alerts.length);
    expect(unknownIn(rules, families)).toEqual([]);
  });

  it('have each a case of its own in their tests', () => {
    const tests = readFileSync(RULE_TESTS, 'utf8');
    expect(alerts.filter((name) => !tests.includes(`alertname="${name}"`))).toEqual([]);
  });

  it('are each provoked by real trouble', () => {
    const tests = readFileSync(join(import.meta.dirname, 'alerts.live.test.ts'), 'utf8');
    expect(alerts.filter((name) => !tests.includes(`'${name}'`))).toEqual([]);
  });

  it.runIf(hasPrometheus)('are rules, and fire when they should', async () => {
    expect(await promtool(['check', 'rules', RULES])).toBe('');
    expect(await promtool(['test', 'rules', RULE_TESTS])).toBe('');
  });
});

describe('the check of queries', () => {
  it.each([
    ['rate(avatar_requests_totals[1m])', 'avatar_requests_totals is not exported'],
    ['avatar_requests_total{result="x"}', 'avatar_requests_total has no result "x"'],
    [
      'avatar_requests_total{outcome=~"memory|memroy"}',
      'avatar_requests_total has no outcome "memroy"',
    ],
    ['sum by (stage) (avatar_requests_total)', 'no metric here has the label stage'],
  ])('finds what is wrong with %s', (expression, complaint) => {
    expect(unknownIn(expression, families)).toEqual([complaint]);
  });
});

function familyName({ metric }: { metric: string }): string {
  return families.has(metric) ? metric : metric.replace(/_(?:bucket|sum|count)$/, '');
}
