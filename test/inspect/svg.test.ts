import { describe, expect, it } from 'vitest';
import { HARMLESS_VECTORS } from '../../src/inspect/svg.ts';

function accepts(text: string | Buffer): boolean {
  return HARMLESS_VECTORS.accepts(typeof text === 'string' ? Buffer.from(text) : text);
}

const svg = (content: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">${content}</svg>`;

describe('a vector original', () => {
  it.each([
    ['shapes', svg('<circle cx="4" cy="4" r="4" fill="#f00"/>')],
    ['an XML declaration', `<?xml version="1.0" encoding="UTF-8"?>\n${svg('')}`],
    ['comments before it', `<!-- drawn by hand -->${svg('<path d="M0 0h9"/>')}`],
    [
      'gradients used within',
      svg('<linearGradient id="g"/><rect fill="url(#g)"/><use href="#g"/>'),
    ],
    ['text about a condition', svg('<text>on and on</text>')],
  ])('is passed on with %s', (_what, text) => {
    expect(accepts(text)).toBe(true);
  });

  it.each([
    ['a script', svg('<script>alert(1)</script>')],
    ['a script in another case', svg('<ScRiPt href="x"/>')],
    ['a script with a prefix', svg('<svg:script/>')],
    ['a handler', svg('<g onload="alert(1)"/>')],
    ['a handler behind a slash', svg('<g/onload=alert(1)>')],
    ['a document type', `<!DOCTYPE svg [<!ENTITY a "b">]>${svg('&a;')}`],
    ['HTML within', svg('<foreignObject><body/></foreignObject>')],
    ['a link to elsewhere', svg('<use href="https://example.org/x#y"/>')],
    ['a link that runs', svg('<a xlink:href="javascript:alert(1)"/>')],
    ['an escaped link', svg('<a href="&#106;avascript:alert(1)"/>')],
    ['an image of elsewhere', svg('<image href="http://169.254.169.254/"/>')],
    ['a fill of elsewhere', svg('<rect fill="url(https://example.org/#x)"/>')],
    ['an animation, which can set links', svg('<set attributeName="href" to="javascript:1"/>')],
    ['a style sheet', svg('<style>@import "x"</style>')],
    ['an instruction', `<?xml-stylesheet href="x"?>${svg('')}`],
    ['HTML instead', '<html><svg></svg></html>'],
    ['bytes that are no UTF-8', Buffer.concat([Buffer.from(svg('')), Buffer.from([0xff])])],
    ['half a megabyte of it', svg(' '.repeat(600_000))],
    ['nothing', ''],
  ])('is not passed on with %s', (_what, text) => {
    expect(accepts(text)).toBe(false);
  });

  it.each([
    ['comments', '<!---->'.repeat(60_000)],
    ['an open comment', `<!--${'-'.repeat(400_000)}`],
    ['spaces behind a link', `${svg('')}href=${' '.repeat(400_000)}#`],
    ['spaces behind a handler', `${svg('')} ona${' '.repeat(400_000)}`],
    ['handlers that are none', svg(' on'.repeat(150_000))],
    ['opening brackets', svg('<'.repeat(400_000))],
    ['names without end', svg(`<${'a-'.repeat(200_000)}`)],
  ])('is looked at in a time that grows with its length only: %s', (_what, text) => {
    // Backtracking would not come back within the time of any test.
    expect(typeof accepts(text)).toBe('boolean');
  });
});
