/** Three lines that tell how the service does, drawn anew with every scrape. */
import { parse, quantile, total } from './exposition.js';

/** @typedef {import('./exposition.js').Sample} Sample */
/** @typedef {{ name: string, text: (value: number | undefined) => string }} Line */
/** @typedef {{ title: string, about: string, least: number, lines: Line[], read: (before: Sample[], after: Sample[]) => (number | undefined)[] }} Chart */

const EVERY_MS = 2000;
/** What is shown: four minutes. */
const POINTS = 120;
/** Ratios and quantiles are taken over so many scrapes: those of two seconds jump. */
const WINDOW = 15;
const [WIDTH, HEIGHT] = [320, 80];
const SVG = 'http://www.w3.org/2000/svg';

/** @type {Chart[]} */
const CHARTS = [
  {
    title: 'Hit ratio',
    about: 'Pictures that were in memory',
    least: 1,
    lines: [{ name: 'hits', text: (value) => percent(value) }],
    read: (before, after) => {
      const hits = increase(before, after, 'avatar_requests_total', { outcome: 'memory' });
      const misses = increase(before, after, 'avatar_cache_misses_total');
      return [hits + misses === 0 ? undefined : hits / (hits + misses)];
    },
  },
  {
    title: 'Queue',
    about: 'Renders',
    least: 4,
    lines: [
      { name: 'waiting', text: (value) => `${value ?? 0}` },
      { name: 'running', text: (value) => `${value ?? 0}` },
    ],
    read: (_before, after) => [
      total(after, 'avatar_renders_waiting'),
      total(after, 'avatar_renders_running'),
    ],
  },
  {
    title: 'Latency of misses',
    about: 'From request to reply',
    least: 0.05,
    lines: [
      { name: 'p95', text: (value) => milliseconds(value) },
      { name: 'p50', text: (value) => milliseconds(value) },
    ],
    read: (before, after) =>
      [0.95, 0.5].map((share) => quantile(before, after, 'avatar_miss_duration_seconds', share)),
  },
];

/**
 * @param {Element} place
 * @param {HTMLButtonElement} pause
 */
export function startCharts(place, pause) {
  const drawn = CHARTS.map((chart) => new Drawn(chart, place));
  /** @type {Sample[][]} */
  const scrapes = [];
  let isPaused = false;

  const look = async () => {
    try {
      const reply = await fetch('/metrics');
      if (!reply.ok) throw new Error(`status ${reply.status}`);
      scrapes.push(parse(await reply.text()));
      if (scrapes.length > WINDOW) scrapes.shift();
      for (const each of drawn) each.add(scrapes);
    } catch {
      for (const each of drawn) each.lose();
    }
  };
  pause.addEventListener('click', () => {
    isPaused = !isPaused;
    pause.setAttribute('aria-pressed', String(isPaused));
  });
  void look();
  setInterval(() => {
    if (!isPaused && !document.hidden) void look();
  }, EVERY_MS);
}

class Drawn {
  /**
   * @param {Chart} chart
   * @param {Element} place
   */
  constructor(chart, place) {
    this.chart = chart;
    /** @type {(number | undefined)[][]} */
    this.points = chart.lines.map(() => []);
    const figure = document.createElement('figure');
    const caption = document.createElement('figcaption');
    caption.append(element('strong', chart.title), ` ${chart.about}`);
    this.svg = document.createElementNS(SVG, 'svg');
    this.svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    this.svg.setAttribute('preserveAspectRatio', 'none');
    this.svg.setAttribute('role', 'img');
    this.paths = chart.lines.map((_, index) => {
      const path = document.createElementNS(SVG, 'path');
      path.setAttribute('class', `line${index}`);
      this.svg.append(path);
      return path;
    });
    this.values = document.createElement('p');
    figure.append(caption, this.svg, this.values);
    place.append(figure);
    this.tell('No numbers yet');
  }

  /** @param {Sample[][]} scrapes oldest first */
  add(scrapes) {
    const [first = [], last = []] = [scrapes[0], scrapes.at(-1)];
    const values = this.chart.read(first, last);
    for (const [index, points] of this.points.entries()) {
      points.push(values[index]);
      if (points.length > POINTS) points.shift();
    }
    const most = Math.max(this.chart.least, ...this.points.flat().map((value) => value ?? 0));
    for (const [index, path] of this.paths.entries()) {
      path.setAttribute('d', line(this.points[index] ?? [], most));
    }
    const told = this.chart.lines.map(({ name, text }, index) => `${name} ${text(values[index])}`);
    this.tell(told.join(', '));
  }

  lose() {
    this.tell('The service does not answer');
  }

  /** @param {string} text */
  tell(text) {
    this.svg.setAttribute('aria-label', `${this.chart.title}: ${text}`);
    const marked = text.split(', ').map((part, index) => {
      const span = element('span', part);
      span.className = `line${index}`;
      return span;
    });
    this.values.replaceChildren(...marked);
  }
}

/**
 * @param {readonly (number | undefined)[]} points
 * @param {number} most
 */
function line(points, most) {
  const step = WIDTH / (POINTS - 1);
  const from = POINTS - points.length;
  let isDown = false;
  return points
    .map((value, index) => {
      if (value === undefined) {
        isDown = false;
        return '';
      }
      const [x, y] = [(from + index) * step, HEIGHT - 2 - (value / most) * (HEIGHT - 4)];
      const command = isDown ? 'L' : 'M';
      isDown = true;
      return `${command}${x.toFixed(1)} ${y.toFixed(1)}`;
    })
    .join('');
}

/**
 * @param {readonly Sample[]} before
 * @param {readonly Sample[]} after
 * @param {string} name
 * @param {Record<string, string>} [labels]
 */
function increase(before, after, name, labels) {
  return total(after, name, labels) - total(before, name, labels);
}

/** @param {number | undefined} value */
function percent(value) {
  return value === undefined ? 'none asked for' : `${(value * 100).toFixed(1)} %`;
}

/** @param {number | undefined} seconds */
function milliseconds(seconds) {
  return seconds === undefined ? 'none' : `${(seconds * 1000).toFixed(0)} ms`;
}

/**
 * @param {string} name
 * @param {string} text
 */
function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
