import { describe, expect, it } from 'vitest';
import { HARMLESS_VECTORS } from '../../src/inspect/svg.ts';

const accepts = (content: string): boolean =>
  HARMLESS_VECTORS.accepts(Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg">${content}</svg>`));

/** Each level uses the one before it so often. */
function levels(depth: number, times: number, use: (name: string) => string): string {
  const groups = Array.from(
    { length: depth },
    (_, level) => `<g id="l${level + 1}">${use(`l${level}`).repeat(times)}</g>`,
  );
  return `<defs><g id="l0"><rect width="9"/></g>${groups.join('')}</defs>${use(`l${depth}`)}`;
}

describe('a vector original that uses its own elements', () => {
  it('is passed on when it draws as much as a picture does', () => {
    expect(accepts(levels(3, 10, (name) => `<use href="#${name}"/>`))).toBe(true);
    const mask = '<mask id="m"><path d="M0 0h9"/></mask>';
    expect(accepts(`${mask}${'<g mask="url(#m)"><use href="#a-1.b"/></g>'.repeat(500)}`)).toBe(
      true,
    );
    expect(accepts(`<path/>`.repeat(20_000))).toBe(true);
  });

  it.each([
    ['href', (name: string) => `<use href="#${name}"/>`],
    ['xlink:href', (name: string) => `<use xlink:href='# ${name} '/>`],
    ['a mask', (name: string) => `<rect mask="url(#${name})"/>`],
    ['a fill in a style', (name: string) => `<rect style="fill:url( '#${name}' )"/>`],
    ['a fill in quotes of XML', (name: string) => `<rect fill="url(&quot;#${name}&quot;)"/>`],
  ])('is not when it draws a thousand millions of them, by %s', (_how, use) => {
    expect(accepts(levels(9, 10, use))).toBe(false);
    expect(accepts(levels(2, 10, use))).toBe(true);
  });

  it('is not when it uses itself, or says what it uses in a way that can be read in two', () => {
    expect(accepts('<g id="a"><use href="#a"/></g>')).toBe(false);
    expect(accepts('<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>')).toBe(false);
    expect(accepts('<g id="a"/><use href="#%61"/>')).toBe(false);
    expect(accepts(`<g id="a'"/><use href="#a&apos;"/>`)).toBe(false);
    expect(accepts('<g id="a b"/><use href="#a b"/>')).toBe(false);
  });

  it('is not when it is deeper than drawings are, however little it draws', () => {
    const nested = (depth: number): string => '<g id="a">'.repeat(depth) + '</g>'.repeat(depth);
    expect(accepts(nested(200))).toBe(true);
    expect(accepts(nested(30_000))).toBe(false);
    expect(accepts(levels(80, 1, (name) => `<use href="#${name}"/>`))).toBe(true);
    expect(accepts(levels(10_000, 1, (name) => `<use href="#${name}"/>`))).toBe(false);
  });

  it('counts elements of one name together, whichever of them is meant', () => {
    const many = '<rect/>'.repeat(1000);
    const uses = '<use href="#a"/>'.repeat(100);
    expect(accepts(`<g id="a"/><g id="a">${many}</g>${uses}`)).toBe(false);
    expect(accepts(`<g id="a">${many}</g><g id="a"/>${uses}`)).toBe(false);
  });
});
