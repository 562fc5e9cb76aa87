/** Small plots as SVG, readable on light and dark pages. Pure. */
import { number } from './table.ts';

const WIDTH = 720;
const STYLE =
  '<style>text{font:13px system-ui,sans-serif;fill:#555}.title{font-weight:600}' +
  '@media(prefers-color-scheme:dark){text{fill:#bbb}}</style>';
const COLOURS = ['#3b7dd8', '#e08a1e', '#3a9e5c', '#b5477d', '#7a62c9', '#888888'];

type Bar = { readonly label: string; readonly value: number };

/** The first bar is ours and has its own colour. */
export function barPlot(title: string, bars: readonly Bar[]): string {
  const [left, top, step] = [230, 40, 26];
  const longest = Math.max(...bars.map(({ value }) => value));
  const room = WIDTH - left - 80;
  const drawn = bars.map(({ label, value }, index) => {
    const y = top + index * step;
    const length = Math.max(1, (value / longest) * room);
    const colour = label.startsWith('avatar-proxy') ? COLOURS[0] : COLOURS[5];
    return (
      `<text x="${left - 8}" y="${y + 14}" text-anchor="end">${escapeText(label)}</text>` +
      `<rect x="${left}" y="${y}" width="${length.toFixed(1)}" height="18" rx="2" fill="${colour}"/>` +
      `<text x="${(left + length + 6).toFixed(1)}" y="${y + 14}">${number(value)}</text>`
    );
  });
  return frame(title, top + bars.length * step + 10, drawn);
}

export type Line = {
  readonly label: string;
  readonly points: ReadonlyArray<readonly [number, number]>;
};

type Axes = { readonly x: string; readonly y: string };

export function linePlot(title: string, axes: Axes, lines: readonly Line[]): string {
  const [left, top, width, height] = [64, 40, WIDTH - 230, 220];
  const points = lines.flatMap((line) => line.points);
  const maxX = Math.max(1e-9, ...points.map(([x]) => x));
  const maxY = niceCeiling(Math.max(1e-9, ...points.map(([, y]) => y)));
  const at = ([x, y]: readonly [number, number]): string =>
    `${(left + (x / maxX) * width).toFixed(1)},${(top + height - (y / maxY) * height).toFixed(1)}`;
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const y = top + height * (1 - share);
    return (
      `<line x1="${left}" x2="${left + width}" y1="${y}" y2="${y}" stroke="#8884"/>` +
      `<text x="${left - 8}" y="${y + 4}" text-anchor="end">${number(maxY * share)}</text>`
    );
  });
  const drawn = lines.map((line, index) => {
    const colour = COLOURS[index % COLOURS.length];
    return (
      `<polyline fill="none" stroke="${colour}" stroke-width="1.8" points="${line.points.map(at).join(' ')}"/>` +
      `<text x="${left + width + 12}" y="${top + 14 + index * 20}" style="fill:${colour}">${escapeText(line.label)}</text>`
    );
  });
  const below = top + height;
  const names = [
    `<text x="${left}" y="${below + 18}">0</text>`,
    `<text x="${left + width}" y="${below + 18}" text-anchor="end">${number(maxX)}</text>`,
    `<text x="${left + width / 2}" y="${below + 18}" text-anchor="middle">${escapeText(axes.x)}</text>`,
    `<text x="${left - 8}" y="${top - 8}" text-anchor="end">${escapeText(axes.y)}</text>`,
  ];
  return frame(title, below + 30, [...grid, ...drawn, ...names]);
}

function frame(title: string, height: number, parts: readonly string[]): string {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">` +
    `<title>${escapeText(title)}</title>${STYLE}` +
    `<text class="title" x="${WIDTH / 2}" y="20" text-anchor="middle">${escapeText(title)}</text>` +
    `${parts.join('\n')}</svg>\n`
  );
}

function niceCeiling(value: number): number {
  const magnitude = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 2.5, 4, 5, 10].find((factor) => factor * magnitude >= value) ?? 10;
  return step * magnitude;
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
