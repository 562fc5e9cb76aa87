/** One user's avatar in every size and format, side by side, with how each came about. */
import { startCharts } from './charts.js';

/** @typedef {{ host: string, user: string, id: string }} Who */
/** @typedef {{ stage: string, ms: number }} Stage */
/**
 * @typedef {object} Picture
 * @property {number} size
 * @property {string} format
 * @property {string} url
 * @property {number} bytes
 * @property {number} ms as the browser measured it
 * @property {string} cache
 * @property {string} etag
 * @property {string} standIn the code of the failure it stands in for, or nothing
 * @property {Stage[]} stages
 */

/** Browsers keep six connections to a server; two leave room for what else there is to ask. */
const AT_ONCE = 2;

const form = find('#who', HTMLFormElement);
const status = find('#status', HTMLElement);
const pictures = find('#pictures', HTMLElement);
const details = find('#details', HTMLElement);
const rows = find('#details tbody', HTMLTableSectionElement);

startCharts(find('#charts', HTMLElement), find('#pause', HTMLButtonElement));
form.addEventListener('submit', (event) => {
  event.preventDefault();
  void show(asked());
});
await fillIn();

/** From the address of this page, so that it can be passed on; else with an example. */
async function fillIn() {
  const given = new URLSearchParams(location.search);
  const { example } = await getJson('/gallery.json');
  for (const name of ['host', 'user', 'id']) {
    field(name).value = given.get(name) ?? example[name];
  }
  if (given.has('user')) await show(asked());
}

/** @returns {Who} */
function asked() {
  return { host: field('host').value, user: field('user').value, id: field('id').value };
}

/** @param {Who} who */
async function show(who) {
  history.replaceState(null, '', `?${new URLSearchParams(who)}`);
  clear();
  status.textContent = 'Looking …';
  try {
    const { sizes, formats } = await getJson(`/gallery.json?${new URLSearchParams(who)}`);
    const count = await showAll(who, sizes, formats);
    status.textContent = `${count} pictures of ${who.user}`;
  } catch (error) {
    status.textContent = error instanceof Error ? error.message : String(error);
  }
}

function clear() {
  for (const image of pictures.querySelectorAll('img')) URL.revokeObjectURL(image.src);
  pictures.replaceChildren();
  rows.replaceChildren();
  details.hidden = true;
}

/**
 * @param {Who} who
 * @param {number[]} sizes
 * @param {string[]} formats
 */
async function showAll(who, sizes, formats) {
  const strips = new Map(formats.map((format) => [format, addStrip(format, who.user)]));
  const orders = formats.flatMap((format) => sizes.map((size) => ({ format, size })));
  const waiting = orders.values();
  let shown = 0;
  const work = async () => {
    for (const { format, size } of waiting) {
      const picture = await fetchPicture(who, size, format);
      for (const ground of strips.get(format) ?? []) addFigure(picture, ground);
      addRow(
        picture,
        orders.findIndex((order) => order.format === format && order.size === size),
      );
      shown += 1;
      status.textContent = `${shown} of ${orders.length} …`;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return shown;
}

/**
 * @param {Who} who
 * @param {number} size
 * @param {string} format
 * @returns {Promise<Picture>}
 */
async function fetchPicture(who, size, format) {
  const query = new URLSearchParams({ ...who, size: String(size), format });
  const startedAt = performance.now();
  const reply = await fetch(`/picture?${query}`, { cache: 'no-store' });
  if (!reply.ok) throw new Error(await reasonOf(reply));
  const body = await reply.blob();
  const header = (/** @type {string} */ name) => reply.headers.get(name) ?? '';
  return {
    size,
    format: (header('content-type').split('/')[1] ?? format).replace('+xml', ''),
    url: URL.createObjectURL(body),
    bytes: body.size,
    ms: performance.now() - startedAt,
    cache: header('cache-status').replace('avatar-proxy; ', ''),
    etag: header('etag').replaceAll('"', ''),
    standIn: header('stand-in'),
    stages: stagesOf(header('server-timing')),
  };
}

/** @param {string} timing */
function stagesOf(timing) {
  return Array.from(timing.matchAll(/(?<stage>\w+);dur=(?<ms>[\d.]+)/g), ({ groups }) => ({
    stage: groups?.['stage'] ?? '',
    ms: Number(groups?.['ms']),
  }));
}

/**
 * The same pictures on a light and on a dark ground.
 * @param {string} format
 * @param {string} user
 */
function addStrip(format, user) {
  const section = document.createElement('section');
  const title = text('h3', format);
  title.id = `format-${format}`;
  section.setAttribute('aria-labelledby', title.id);
  section.append(title);
  pictures.append(section);
  return ['light', 'dark'].map((ground) => {
    const strip = document.createElement('div');
    strip.className = `scrolls strip ${ground}`;
    strip.tabIndex = 0;
    strip.setAttribute('role', 'group');
    strip.setAttribute('aria-label', `${user} as ${format} on a ${ground} ground`);
    section.append(strip);
    return strip;
  });
}

/**
 * @param {Picture} picture
 * @param {HTMLElement} strip
 */
function addFigure({ size, format, url, bytes }, strip) {
  const figure = document.createElement('figure');
  const image = document.createElement('img');
  image.src = url;
  image.alt = `${size} pixels, ${format}`;
  image.width = size;
  image.height = size;
  figure.append(image, text('figcaption', `${size} px, ${amount(bytes)}`));
  insertAt(size, figure, strip);
}

/**
 * In order, whatever comes first: two are fetched at once.
 * @param {number} place
 * @param {HTMLElement} made
 * @param {HTMLElement} parent
 */
function insertAt(place, made, parent) {
  made.dataset['place'] = String(place);
  const others = [...parent.children].filter((other) => other instanceof HTMLElement);
  const next = others.find((other) => Number(other.dataset['place']) > place);
  parent.insertBefore(made, next ?? null);
}

/**
 * @param {Picture} picture
 * @param {number} place
 */
function addRow({ size, format, bytes, ms, cache, etag, standIn, stages }, place) {
  const row = document.createElement('tr');
  const name = text('th', `${size} px ${format}`);
  name.scope = 'row';
  const number = (/** @type {number} */ value, digits = 0) => {
    const cell = text(
      'td',
      value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits }),
    );
    cell.className = 'number';
    return cell;
  };
  const times = stages.map(({ stage, ms: took }) => `${stage} ${took}`).join(', ');
  const outcome = standIn === '' ? cache : `${cache} (in place of it: ${standIn})`;
  const cells = [number(bytes), number(ms, 1), text('td', outcome), text('td', times)];
  row.append(name, ...cells, text('td', etag));
  insertAt(place, row, rows);
  details.hidden = false;
}

/** @param {number} bytes */
function amount(bytes) {
  return bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(1)} kB`;
}

/** @param {string} url */
async function getJson(url) {
  const reply = await fetch(url, { cache: 'no-store' });
  if (!reply.ok) throw new Error(await reasonOf(reply));
  return await reply.json();
}

/** @param {Response} reply */
async function reasonOf(reply) {
  const { code, detail } = await reply.json();
  return `${reply.status} ${code}: ${detail}`;
}

/** @param {string} name */
function field(name) {
  return find(`#who [name=${name}]`, HTMLInputElement);
}

/**
 * @template {HTMLElement} Kind
 * @param {string} selector
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
function find(selector, kind) {
  const found = document.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`the page has no ${selector}`);
  return found;
}

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {string} content
 */
function text(name, content) {
  const made = document.createElement(name);
  made.textContent = content;
  return made;
}
