import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { drawLetter } from '../../src/letters/draw.ts';
import { colourOf } from '../../src/discourse/letter-rules.ts';
import { type Ink, SCRIPTS, inkOf, pixelsOf } from './pictures.ts';

const scripts = Object.entries(SCRIPTS).map(
  ([script, letters]) => [script, letters.split(',')] as const,
);

/** What is wrong with a letter on a square of 288 pixels; nothing, for a good one. */
function flawsOf(ink: Ink): string[] {
  const margin = Math.min(ink.left, ink.top, 288 - ink.right, 288 - ink.bottom);
  const largerSide = Math.max(ink.right - ink.left, ink.bottom - ink.top);
  return [
    ink.boxOff >= 0.06 && `box off by ${ink.boxOff}`,
    ink.gravityOff >= 0.06 && `weight off by ${ink.gravityOff}`,
    margin < 24 && `${margin} pixels from the border`,
    largerSide < 90 && `only ${largerSide} pixels large`,
  ].filter((flaw) => flaw !== false);
}

describe('a letter avatar', () => {
  it.each(scripts)('of %s shows a letter of its own in the middle', async (_script, letters) => {
    const seen = new Set([(await pixelsOf('', 96)).toString('base64')]);
    const flaws: Record<string, string[]> = {};
    for (const letter of letters) {
      seen.add((await pixelsOf(letter, 96)).toString('base64'));
      const found = flawsOf(await inkOf(letter));
      if (found.length > 0) flaws[letter] = found;
    }
    expect(flaws).toEqual({});
    // All different from each other and from the silhouette.
    expect(seen.size).toBe(letters.length + 1);
  });

  it.each([8, 24, 25, 48, 360, 1000])(
    'of %i pixels is a square with a border of its colour',
    async (size) => {
      for (const text of ['W', '鬱', 'ที่', '']) {
        const ink = await inkOf(text, size);
        expect(ink.left).toBeGreaterThan(0);
        expect(ink.top).toBeGreaterThan(0);
        expect(ink.right).toBeLessThan(size);
        expect(ink.bottom).toBeLessThan(size);
      }
      const { pixels, width, height, channels } = await drawLetter({
        letter: 'W',
        colour: [1, 2, 3],
        size,
      });
      expect({ width, height, channels }).toEqual({ width: size, height: size, channels: 3 });
      expect(pixels.length).toBe(size * size * 3);
      expect([...pixels.subarray(0, 3)]).toEqual([1, 2, 3]);
    },
  );

  it('has as much ink in any size', async () => {
    for (const text of ['A', '한', '漢', '']) {
      const large = (await inkOf(text, 288)).amount / 288 ** 2;
      const small = (await inkOf(text, 24)).amount / 24 ** 2;
      expect(small / large).toBeCloseTo(1, 1);
    }
  });

  it('is white at four fifths over the colour, and no other hue', async () => {
    const { pixels } = await drawLetter({ letter: 'I', colour: [200, 100, 0], size: 96 });
    const middle = (48 * 96 + 48) * 3;
    expect([...pixels.subarray(middle, middle + 3)]).toEqual([244, 224, 204]);
    for (let at = 0; at < pixels.length; at += 3) {
      const [red = 0, green = 0, blue = 0] = pixels.subarray(at, at + 3);
      const cover = blue / 255;
      expect(Math.abs(red - (200 + 55 * cover))).toBeLessThanOrEqual(1);
      expect(Math.abs(green - (100 + 155 * cover))).toBeLessThanOrEqual(1);
    }
  });

  it('is the same twice, and when many are asked for at once', async () => {
    const letters = Object.values(SCRIPTS).flatMap((list) => list.split(','));
    const once = await Promise.all(letters.map((letter) => pixelsOf(letter, 48)));
    for (const [index, letter] of letters.entries()) {
      expect(await pixelsOf(letter, 48)).toEqual(once[index]);
    }
  });

  // Kept for a year by caches under addresses that do not change: when this test fails after an
  // update of a font or of HarfBuzz, new and old pictures of the same letters are about to be mixed.
  it('is the same on every machine, to the last bit', async () => {
    const hash = createHash('sha256');
    for (const letters of Object.values(SCRIPTS)) {
      for (const letter of [...letters.split(','), '']) hash.update(await pixelsOf(letter, 48));
    }
    expect(hash.digest('hex')).toBe(
      '3b5edad246d10da927df000841ff37b32657f44dd099b516c563123cd9706499',
    );
  });

  it('takes any colour a user may have', async () => {
    const colour = colourOf('bob');
    const { pixels } = await drawLetter({ letter: 'B', colour, size: 24 });
    expect([...pixels.subarray(0, 3)]).toEqual(colour);
  });
});

describe('marks', () => {
  it('are drawn over, under and around their letter', async () => {
    const bare = await inkOf('ก');
    const marked = await inkOf('กู่');
    expect(marked.bottom - marked.top).toBeGreaterThan((bare.bottom - bare.top) * 1.4);
    expect((await inkOf('É')).amount).toBeGreaterThan((await inkOf('E')).amount);
    expect((await inkOf('Ậ')).amount).toBeGreaterThan((await inkOf('A')).amount);
  });

  it('are placed by the rules of the script', async () => {
    // The sign of the vowel is written after its consonant and stands before it.
    const letter = await inkOf('क');
    const syllable = await inkOf('कि');
    expect(syllable.right - syllable.left).toBeGreaterThan((letter.right - letter.left) * 1.2);
    // Two consonants melt into one form, narrower than both side by side.
    expect((await inkOf('क्ष')).amount).toBeLessThan(
      (await inkOf('क')).amount + (await inkOf('ष')).amount,
    );
  });

  it('that no font has leave the letter alone', async () => {
    // A keycap, and a musical sign over a letter.
    expect((await pixelsOf('1\ufe0f\u20e3', 48)).equals(await pixelsOf('1', 48))).toBe(true);
    expect((await pixelsOf('B\u{1d167}', 48)).equals(await pixelsOf('B', 48))).toBe(true);
  });

  it('by the dozen leave the letter alone', async () => {
    const piled = await pixelsOf(`a${'\u0324'.repeat(40)}`, 48);
    expect(piled.equals(await pixelsOf('a', 48))).toBe(true);
  });
});

describe('what no font has', () => {
  it.each(['😀', '👩‍🚀', '🇰🇷', 'ਕ', 'ᚠ', '\u{10ffff}', '\ufffd', ' ', '\u200b', '\u0301', '\0'])(
    'is a silhouette: %j',
    async (text) => {
      expect((await pixelsOf(text, 48)).equals(await pixelsOf('', 48))).toBe(true);
    },
  );

  it('is somebody in the middle', async () => {
    const ink = await inkOf('');
    expect(ink.boxOff).toBeLessThan(0.06);
    expect(ink.gravityOff).toBeLessThan(0.06);
    expect(ink.right - ink.left).toBeGreaterThan(120);
  });
});
