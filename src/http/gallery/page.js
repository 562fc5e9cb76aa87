/** One user's avatar in every size and format, side by side, with how each came about. */
import { startCharts } from './charts.js';
import { Shown } from './shown.js';

/** @typedef {import('./shown.js').Order} Order */
/** @typedef {import('./shown.js').Picture} Picture */
/** @typedef {{ host: string, user: string, id: string }} Who */

/** Browsers keep six connections to a server; two leave room for what else there is to ask. */
const AT_ONCE = 2;

const form = find('#who', HTMLFormElement);
/** Read out when it changes: how it ended, and nothing before. */
const status = find('#status', HTMLElement);
const progress = find('#progress', HTMLProgressElement);
const shown = new Shown(
  find('#pictures', HTMLElement),
  find('#details', HTMLElement),
  find('#details tbody', HTMLTableSectionElement),
);
/** Of whom is being shown: it ends when somebody else is asked for. */
let showing = new AbortController();

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
  showing.abort();
  showing = new AbortController();
  const { signal } = showing;
  history.replaceState(null, '', `?${new URLSearchParams(who)}`);
  shown.clear();
  status.textContent = '';
  progress.hidden = false;
  progress.removeAttribute('value');
  try {
    const ending = await showAll(who, signal);
    if (signal.aborted) return;
    status.textContent = ending;
  } catch (error) {
    if (signal.aborted) return;
    status.textContent = reasonOf(error);
  }
  progress.hidden = true;
}

/**
 * @param {Who} who
 * @param {AbortSignal} signal
 * @returns {Promise<string>} how it ended
 */
async function showAll(who, signal) {
  const { sizes, formats } = await getJson(`/gallery.json?${new URLSearchParams(who)}`, signal);
  shown.begin(who.user, formats);
  /** @type {Order[]} */
  const orders = formats.flatMap((/** @type {string} */ format) =>
    sizes.map((/** @type {number} */ size) => ({ format, size })),
  );
  /** @type {string[]} */
  const failures = [];
  const waiting = orders.entries();
  progress.max = orders.length;
  progress.value = 0;
  const work = async () => {
    for (const [place, order] of waiting) {
      try {
        const picture = await fetchPicture(who, order, signal);
        if (signal.aborted) return;
        shown.add(order, place, picture);
      } catch (error) {
        if (signal.aborted) return;
        failures.push(reasonOf(error));
        shown.addFailure(order, place, reasonOf(error));
      }
      progress.value += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const [first] = failures;
  const count = `${orders.length - failures.length} pictures of ${who.user}`;
  return first === undefined ? count : `${count}, ${failures.length} failed: ${first}`;
}

/**
 * @param {Who} who
 * @param {Order} order
 * @param {AbortSignal} signal
 * @returns {Promise<Picture>}
 */
async function fetchPicture(who, { size, format }, signal) {
  const query = new URLSearchParams({ ...who, size: String(size), format });
  const startedAt = performance.now();
  const reply = await fetch(`/picture?${query}`, { cache: 'no-store', signal });
  if (!reply.ok) throw await problemOf(reply);
  const body = await reply.blob();
  const header = (/** @type {string} */ name) => reply.headers.get(name) ?? '';
  return {
    format: (header('content-type').split('/')[1] ?? format).replace('+xml', ''),
    body,
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
 * @param {string} url
 * @param {AbortSignal | null} signal
 */
async function getJson(url, signal = null) {
  const reply = await fetch(url, { cache: 'no-store', signal });
  if (!reply.ok) throw await problemOf(reply);
  return await reply.json();
}

/** @param {Response} reply */
async function problemOf(reply) {
  const { code, detail } = await reply.json();
  return new Error(`${reply.status} ${code}: ${detail}`);
}

/** @param {unknown} error */
function reasonOf(error) {
  return error instanceof Error ? error.message : String(error);
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
