/** What is shown of a user: the pictures on a light and on a dark ground, and a row for each of them. */

/** @typedef {{ stage: string, ms: number }} Stage */
/**
 * @typedef {object} Picture
 * @property {string} format what it is, whatever was asked for
 * @property {Blob} body
 * @property {number} ms as the browser measured it
 * @property {string} cache
 * @property {string} etag
 * @property {string} standIn the code of the failure it stands in for, or nothing
 * @property {Stage[]} stages
 */
/** @typedef {{ size: number, format: string }} Order as it was asked for */

export class Shown {
  /**
   * @param {HTMLElement} pictures
   * @param {HTMLElement} details
   * @param {HTMLTableSectionElement} rows
   */
  constructor(pictures, details, rows) {
    this.pictures = pictures;
    this.details = details;
    this.rows = rows;
    /** @type {Map<string, HTMLElement[]>} */
    this.strips = new Map();
  }

  /**
   * @param {string} user
   * @param {string[]} formats
   */
  begin(user, formats) {
    this.clear();
    this.strips = new Map(formats.map((format) => [format, this.#addStrips(format, user)]));
  }

  clear() {
    for (const image of this.pictures.querySelectorAll('img')) URL.revokeObjectURL(image.src);
    this.pictures.replaceChildren();
    this.rows.replaceChildren();
    this.details.hidden = true;
  }

  /**
   * @param {Order} order
   * @param {number} place
   * @param {Picture} picture
   */
  add({ size, format }, place, picture) {
    for (const strip of this.strips.get(format) ?? []) addFigure(size, picture, strip);
    const { format: got, body, ms, cache, etag, standIn, stages } = picture;
    const times = stages.map(({ stage, ms: took }) => `${stage} ${took}`).join(', ');
    const outcome = standIn === '' ? cache : `${cache} (in place of it: ${standIn})`;
    const cells = [number(body.size), number(ms, 1), text('td', outcome), text('td', times)];
    this.#addRow(`${size} px ${got}`, place, [...cells, text('td', etag)]);
  }

  /**
   * @param {Order} order
   * @param {number} place
   * @param {string} reason
   */
  addFailure({ size, format }, place, reason) {
    const cell = text('td', reason);
    cell.colSpan = 5;
    cell.className = 'failure';
    this.#addRow(`${size} px ${format}`, place, [cell]);
  }

  /**
   * @param {string} name
   * @param {number} place
   * @param {HTMLElement[]} cells
   */
  #addRow(name, place, cells) {
    const row = document.createElement('tr');
    const head = text('th', name);
    head.scope = 'row';
    row.append(head, ...cells);
    insertAt(place, row, this.rows);
    this.details.hidden = false;
  }

  /**
   * The same pictures on two grounds; not to be seen before there is one.
   * @param {string} format
   * @param {string} user
   */
  #addStrips(format, user) {
    const section = document.createElement('section');
    const title = text('h3', format);
    title.id = `format-${format}`;
    section.setAttribute('aria-labelledby', title.id);
    section.hidden = true;
    section.append(title);
    this.pictures.append(section);
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
}

/**
 * @param {number} size
 * @param {Picture} picture
 * @param {HTMLElement} strip
 */
function addFigure(size, { format, body }, strip) {
  const figure = document.createElement('figure');
  const image = document.createElement('img');
  image.src = URL.createObjectURL(body);
  image.alt = `${size} pixels, ${format}`;
  image.width = size;
  image.height = size;
  figure.append(image, text('figcaption', `${size} px, ${amount(body.size)}`));
  insertAt(size, figure, strip);
  const { parentElement: section } = strip;
  if (section !== null) section.hidden = false;
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

/** @param {number} bytes */
function amount(bytes) {
  return bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(1)} kB`;
}

/** @param {number} value */
function number(value, digits = 0) {
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  const cell = text('td', value.toLocaleString('en', options));
  cell.className = 'number';
  return cell;
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
