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
    ['one of more', `<?xml version='1.0' encoding='utf-8' standalone='no' ?>${svg('')}`],
    ['a mark of UTF-8', `\uFEFF${svg('')}`],
    ['comments before it', `<!-- drawn by hand -->${svg('<path d="M0 0h9"/>')}`],
    ['comments in it, with addresses', svg('<!-- http://www.inkscape.org/ -->')],
    ['a title beyond ASCII', svg('<title>André &amp; 漢字</title>')],
    ['its elements in small letters', svg('<defs><lineargradient id="g"/></defs>')],
    ['an angle bracket in quotes', svg('<g id="a>b"/>')],
    [
      'moves and colours',
      svg('<g transform="translate(1 2) rotate(-4)" style="fill:rgb(1,2,3)" opacity=".5"/>'),
    ],
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
    [
      'a script with a dot in its prefix',
      svg('<a.b:script xmlns:a.b="http://www.w3.org/2000/svg"/>'),
    ],
    [
      'a script with a prefix beyond ASCII',
      svg('<é:script xmlns:é="http://www.w3.org/2000/svg"/>'),
    ],
    ['a script in a comment that may be none', svg('<!--><script/>-->')],
    ['a script in quotes that may be none', svg(`<g id='"><script/>"'/>`)],
    ['HTML with a dot in its prefix', svg('<a.b:foreignObject/>')],
    ['escape sequences of another encoding', svg('<scr\u001B(Bipt/>')],
    ['NUL', svg('<path\0 d=""/>')],
    ['a line break of another kind', svg('<path\u0085onload=""/>')],
    ['a declaration of another encoding', `<?xml version="1.0" encoding="ISO-2022-JP"?>${svg('')}`],
    ['a declaration of another version', `<?xml version="1.1"?>${svg('')}`],
    ['a second declaration', `<?xml version="1.0"?><?xml version="1.0"?>${svg('')}`],
    ['UTF-16', Buffer.from(`\uFEFF${svg('')}`, 'utf16le')],
    ['UTF-16 without a mark', Buffer.from(svg(''), 'utf16le')],
    ['an element of no drawing', svg('<metadata/>')],
    ['an instruction within', svg('<?php echo 1 ?>')],
    ['characters that are not read', svg('<![CDATA[<script/>]]>')],
    ['an entity', svg('<text>&xxe;</text>')],
    ['a handler with a prefix', svg('<g ev:onload="alert(1)"/>')],
    ['a handler behind quotes', svg('<g id="a"onload="alert(1)"/>')],
    ['a handler without quotes', svg('<g onload=alert(1) />')],
    ['an attribute without a value', svg('<g onload/>')],
    ['an element that does not end', `${svg('')}<g`],
    ['a link by any prefix', svg('<use x:href="//example.org/x#y"/>')],
    ['a link behind a space', svg('<use href=" https://example.org/x#y"/>')],
    ['a base for its links', svg('<g xml:base="https://example.org/"><use href="#a"/></g>')],
    ['a fill of elsewhere in quotes', svg('<rect style=\'fill: URL( "//example.org/#x" )\'/>')],
    ['a fill of elsewhere, escaped', svg('<rect style="fill:u\\72l(//example.org/#x)"/>')],
    ['a fill of elsewhere in pieces', svg('<rect style="fill:u/**/rl(//example.org/#x)"/>')],
    ['a picture of elsewhere', svg('<g style="background:image-set(\'//example.org/x\' 1x)"/>')],
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
    ['text before it', ` text ${svg('')}`],
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
    ['quotes without end', svg(`<g ${'""'.repeat(250_000)}`)],
    ['attributes', svg(`<g${' a=""'.repeat(100_000)}>`)],
    ['attributes of an element that does not end', svg(`<g${' a=""'.repeat(100_000)}`)],
    ['names of calls', svg(`<g style="${'a:'.repeat(250_000)}"/>`)],
    ['calls', svg(`<g style="${'rgb('.repeat(120_000)}"/>`)],
    ['spaces in calls', svg(`<g style="url(${' '.repeat(400_000)}x"/>`)],
  ])('is looked at in a time that grows with its length only: %s', (_what, text) => {
    // Backtracking would not come back within the time of any test.
    expect(typeof accepts(text)).toBe('boolean');
  });
});
