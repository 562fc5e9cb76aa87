/** The dashboard as Grafana imports it. */
import { type Panel, type Row, ROWS } from './panels.ts';

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
const WIDTH = 24;
const HEIGHT = { number: 4, lines: 8, areas: 8 } as const;
const COLUMNS = { number: 4, lines: 8, areas: 8 } as const;

export function dashboard(): object {
  return {
    uid: 'avatar-proxy',
    title: 'avatar-proxy',
    tags: ['avatar-proxy'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    templating: { list: variables() },
    panels: placed(ROWS),
  };
}

function variables(): object[] {
  const query = (name: string, label: string, text: string): object => ({
    name,
    label,
    type: 'query',
    datasource: DATASOURCE,
    query: { query: text, refId: name },
    definition: text,
    refresh: 2,
    sort: 1,
  });
  return [
    { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
    query('job', 'Job', 'label_values(avatar_build_info, job)'),
    {
      ...query('instance', 'Instance', 'label_values(avatar_build_info{job="$job"}, instance)'),
      multi: true,
      includeAll: true,
      allValue: '.*',
      current: { text: 'All', value: '$__all' },
    },
  ];
}

/** From left to right, each row of them below its title. */
function placed(rows: readonly Row[]): object[] {
  const all: object[] = [];
  let y = 0;
  for (const { title, panels } of rows) {
    const id = all.length + 1;
    all.push({ id, type: 'row', title, gridPos: { x: 0, y, w: WIDTH, h: 1 }, panels: [] });
    y += 1;
    let x = 0;
    for (const panel of panels) {
      const [w, h] = [COLUMNS[panel.kind], HEIGHT[panel.kind]];
      if (x + w > WIDTH) [x, y] = [0, y + h];
      all.push({ id: all.length + 1, ...toGrafana(panel), gridPos: { x, y, w, h } });
      x += w;
    }
    y += HEIGHT[panels.at(-1)?.kind ?? 'lines'];
  }
  return all;
}

function toGrafana({ title, about, kind, unit, queries }: Panel): object {
  const targets = queries.map(({ expr, legend }, index) => ({
    refId: String.fromCodePoint(65 + index),
    datasource: DATASOURCE,
    expr,
    legendFormat: legend,
    range: true,
  }));
  return {
    title,
    description: about,
    datasource: DATASOURCE,
    targets,
    ...(kind === 'number' ? numberOptions(unit) : seriesOptions(unit, kind === 'areas')),
  };
}

function numberOptions(unit: string): object {
  return {
    type: 'stat',
    fieldConfig: { defaults: { unit, decimals: 1, min: 0 }, overrides: [] },
    options: { reduceOptions: { calcs: ['lastNotNull'] }, graphMode: 'area', colorMode: 'none' },
  };
}

function seriesOptions(unit: string, isStacked: boolean): object {
  return {
    type: 'timeseries',
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        custom: {
          drawStyle: 'line',
          lineWidth: 1,
          fillOpacity: isStacked ? 40 : 0,
          showPoints: 'never',
          stacking: { mode: isStacked ? 'normal' : 'none', group: 'A' },
        },
      },
      overrides: [],
    },
    options: {
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  };
}
