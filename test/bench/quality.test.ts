import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findImageMagick } from '../../bench/support/machine.ts';
import { ImageMagick } from '../../bench/support/magick.ts';
import {
  AVIF,
  JPEG,
  MAGICK,
  MAGICK_PNG,
  PLAIN,
  PNG,
  WEBP,
} from '../../bench/support/quality-contestants.ts';
import { collectPictures } from '../../bench/support/quality-corpus.ts';
import { describePictures, pixelsOf } from '../../bench/support/quality-references.ts';
import { qualityReport, type Result, SIZES } from '../../bench/support/quality-report.ts';
import { similarity } from '../../bench/support/similarity.ts';
import { renderReport } from '../../bench/support/table.ts';
import { card } from '../support/cards.ts';

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'quality-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe('the corpus', () => {
  it('is the demo and what a manifest says can be shown, named with its counts', async () => {
    const [own, to] = [join(newFolder(), 'mine'), newFolder()];
    mkdirSync(own);
    const picture = await card(40, 40).png().toBuffer();
    for (const name of ['good.png', 'half.png', 'either.png', 'unknown.png']) {
      writeFileSync(join(own, name), picture);
    }
    const files = [
      { file: 'good.png', expected: 'ok' },
      { file: 'half.png', expected: 'reject' },
      { file: 'either.png', expected: 'ok', strict: false },
    ];
    writeFileSync(join(own, 'manifest.json'), JSON.stringify({ files }));
    const pictures = collectPictures(to, [own], 64);
    expect(pictures.filter(({ corpus }) => corpus === 'mine')).toHaveLength(1);
    expect(readFileSync(pictures.at(-1)?.file ?? '').equals(picture)).toBe(true);
    const text = describePictures(pictures, 2);
    expect(text).toMatch(/^10 pictures of the folder `demo` \(1 GIF, 3 PNG/);
    expect(text).toMatch(/, 1 of the folder `mine` \(1 PNG\); 2 more are not read by ImageMagick$/);
  });

  it('takes as many as it may, from all of a folder', async () => {
    const own = newFolder();
    for (let edge = 1; edge <= 9; edge += 1) {
      writeFileSync(join(own, `${edge}.png`), await card(edge, edge).png().toBuffer());
    }
    const chosen = collectPictures(newFolder(), [own], 3).slice(3);
    const edges = chosen.map(({ file }) => readFileSync(file).readUInt32BE(16));
    expect(edges).toEqual([1, 4, 7]);
  });
});

describe('the report', () => {
  it('tells of single pictures what a mean hides', () => {
    const made = (cpuMs: number): Result['made'] =>
      new Map(
        [PNG, JPEG, WEBP, AVIF, PLAIN, MAGICK, MAGICK_PNG].map((name) => [
          name,
          { bytes: 100, cpuMs: [name === PNG ? cpuMs : 10, 900], distance: 0 },
        ]),
      );
    const picture = { corpus: 'demo', name: '1.png', format: 'png', file: '1.png' } as const;
    // One of ten takes three times as long, and all of them once when something else ran.
    const results = SIZES.flatMap((size) =>
      Array.from({ length: 10 }, (_, index) => ({
        picture,
        size,
        made: made(index === 0 ? 30 : 10),
      })),
    );
    const share = qualityReport(results, 'ten pictures').targets.find(({ what }) =>
      what.includes('picture by picture'),
    );
    expect(share?.values[0]).toBeGreaterThan(1.5);
    const text = renderReport({ ...qualityReport(results, 'ten pictures'), plots: [] });
    expect(text).toContain('ten pictures; each at 24, 48');
    expect(text).toMatch(/PNG ÷ sharp's plain PNG, median \| 1 /);
  });
});

describe.runIf(findImageMagick() !== undefined)('ImageMagick', () => {
  it('makes references and avatars of a wide gamut in sRGB', async () => {
    const folder = newFolder();
    const magick = await ImageMagick.find(folder);
    const [from, to] = [join(folder, 'p3.png'), join(folder, 'to.png')];
    // The same colours, told in a wider gamut.
    writeFileSync(from, await card(96, 96).withIccProfile('p3').png().toBuffer());
    const inSrgb = await pixelsOf(await card(96, 96).png().toBuffer());
    await magick.reference({ from, to, size: 96 });
    expect(similarity(inSrgb, await pixelsOf(readFileSync(to)))).toBeGreaterThan(0.999);
    await magick.likeDiscourse({ from, to, size: 96 }, 90);
    expect(await sharp(to).metadata()).not.toHaveProperty('icc');
    expect(similarity(inSrgb, await pixelsOf(readFileSync(to)))).toBeGreaterThan(0.99);
  });

  it('is asked for what Discourse asks for: at most the quality of the original', async () => {
    const folder = newFolder();
    const magick = await ImageMagick.find(folder);
    const file = join(folder, 'a.jpg');
    writeFileSync(file, await card(48, 48).jpeg({ quality: 70 }).toBuffer());
    expect(await magick.qualityFor(file)).toBeUndefined();
    writeFileSync(file, await card(48, 48).jpeg({ quality: 97 }).toBuffer());
    expect(await magick.qualityFor(file)).toBe(90);
  });
});
