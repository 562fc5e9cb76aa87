import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { FontShelf, filesWith, parseIndex } from '../../src/letters/fonts.ts';
import { openFont } from '../../src/letters/shaper.ts';

const run = promisify(execFile);

// Prints which parts were imported or read before the first letter, and which with it.
const WITNESS = `
  import { registerHooks, syncBuiltinESMExports } from 'node:module';
  import files from 'node:fs/promises';
  import { basename } from 'node:path';
  const seen = new Set();
  registerHooks({ resolve: (name, context, next) => { seen.add(name); return next(name, context); } });
  const { readFile } = files;
  files.readFile = (file, ...rest) => { seen.add(String(file)); return readFile(file, ...rest); };
  syncBuiltinESMExports();
  const parts = () => [...seen].filter((name) => /harfbuzz|noto/.test(name)).map((name) => basename(name));
  const { drawLetter } = await import(process.argv[1]);
  const before = parts();
  await drawLetter({ letter: 'A', colour: [0, 0, 0], size: 24 });
  const first = [...new Set(parts())].filter((name) => /^harfbuzzjs$|woff2$/.test(name)).sort();
  process.stdout.write(JSON.stringify({ before, first }));
`;

describe('fonts', () => {
  it('are not touched before the first letter, and then one file only', async () => {
    const draw = fileURLToPath(new URL('../../src/letters/draw.ts', import.meta.url));
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', WITNESS, draw]);
    expect(JSON.parse(stdout)).toEqual({
      before: [],
      first: ['harfbuzzjs', 'noto-sans-latin-wght-normal.woff2'],
    });
  });

  it('have every Hangul syllable and every kana', async () => {
    const shelf = new FontShelf();
    const missing: string[] = [];
    const ask = async (code: number): Promise<void> => {
      const character = String.fromCodePoint(code);
      if ((await shelf.outline(character)) === undefined) missing.push(character);
    };
    // Every 53rd: one of nearly every file of the Korean package.
    for (let code = 0xac00; code <= 0xd7a3; code += 53) await ask(code);
    for (let code = 0x3041; code <= 0x3096; code++) {
      await ask(code);
      await ask(code + 0x60);
    }
    expect(missing).toEqual([]);
  });

  it('are found through the index of their package', () => {
    const index = parseIndex(
      '{"[12]": "U+d5bc-d5c7,U+D5CA", "latin": "U+0000-00FF", "ext": "U+41,U+0301"}',
    );
    expect(filesWith(index, '\ud5bd')).toEqual(['12']);
    expect(filesWith(index, '\ud5c9')).toEqual([]);
    expect(filesWith(index, 'A')).toEqual(['latin', 'ext']);
    expect(filesWith(index, 'A\u0301')).toEqual(['ext']);
    expect(filesWith(index, 'B\u0301')).toEqual([]);
  });

  it('of another kind are refused', async () => {
    await expect(openFont(Buffer.from('wOFF, which is another format'))).rejects.toThrow(
      'decompress',
    );
  });
});
