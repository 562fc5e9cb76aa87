import * as fc from 'fast-check';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { card } from '../support/cards.ts';
import {
  avifGrid,
  compressedProfile,
  compressedText,
  gif,
  png,
  pngChunk,
  webp,
  webpCanvas,
  webpFrame,
  webpLosslessHeader,
  withEmptyScans,
} from '../support/pictures.ts';
import { refusal, unsoundness } from './support.ts';

const MEGABYTE = 1024 * 1024;

/** Signatures that lead each format's walk into whatever follows them. */
const BEGINNINGS = [
  '',
  '\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR\0\0\0\x08\0\0\0\x08\x08\x02\0\0\0\0\0\0\0',
  '\xFF\xD8',
  '\xFF\xD8\xFF\xC2\0\x0B\x08\0\x08\0\x08\x01\x01\x11\0',
  'GIF89a\x08\0\x08\0\0\0\0',
  'RIFF\xFF\0\0\0WEBP',
  'RIFF\xFF\0\0\0WEBPVP8X\x0A\0\0\0\0\0\0\0\x07\0\0\x07\0\0',
  '\0\0\0\x10ftypavif\0\0\0\0',
  '\0\0\0\x10ftypavif\0\0\0\0\0\0\0\0meta\0\0\0\0',
  '\0\0\0\x10ftypavif\0\0\0\0\0\0\0\0meta\0\0\0\0\0\0\0\0iprp',
].map((text) => Buffer.from(text, 'latin1'));

let valid: readonly Buffer[];

beforeAll(async () => {
  const still = await card(40, 30).avif({ effort: 0 }).toBuffer();
  const progressive = await card(40, 30).jpeg({ progressive: true }).toBuffer();
  const frames = await Promise.all(
    [card(40, 30), card(40, 30).negate()].map((frame) => frame.png().toBuffer()),
  );
  const animation = sharp(frames, { join: { animated: true } });
  valid = [
    await card(40, 30).withIccProfile('p3').png().toBuffer(),
    png({ before: [compressedText(9000)], after: [pngChunk('tIME', Buffer.alloc(7))] }),
    await card(40, 30).withMetadata({ orientation: 3 }).jpeg().toBuffer(),
    withEmptyScans(progressive, 20),
    await animation.clone().gif().toBuffer(),
    await animation.clone().webp().toBuffer(),
    await card(40, 30).ensureAlpha(0.5).withMetadata({ orientation: 3 }).webp().toBuffer(),
    still,
    avifGrid(still, { output: [80, 60], tile: [40, 30], columns: 2, rows: 2 }),
  ];
});

describe('whatever the bytes are', () => {
  it('noise, or noise behind the beginning of a picture, is refused in the family of errors', () => {
    const bytes = fc
      .tuple(fc.constantFrom(...BEGINNINGS), fc.uint8Array({ maxLength: 400 }))
      .map(([beginning, rest]) => Buffer.concat([beginning, rest]));
    fc.assert(fc.property(bytes, requireSoundAnswer), { numRuns: 5000 });
  });

  it('a valid picture with bytes changed, cut out or repeated is answered soundly', () => {
    const mutation = fc.oneof(
      fc.record({ kind: fc.constant('set'), at: fc.nat(), to: fc.nat(255), length: fc.nat(4) }),
      fc.record({ kind: fc.constant('cut'), at: fc.nat(), to: fc.nat(), length: fc.nat(40) }),
      fc.record({ kind: fc.constant('copy'), at: fc.nat(), to: fc.nat(), length: fc.nat(200) }),
      fc.record({ kind: fc.constant('end'), at: fc.nat(), to: fc.nat(), length: fc.nat() }),
    );
    const mutant = fc
      .tuple(fc.nat(), fc.array(mutation, { minLength: 1, maxLength: 6 }))
      .map(([which, mutations]) =>
        mutations.reduce(mutate, Buffer.from(valid[which % valid.length] ?? Buffer.alloc(0))),
      );
    fc.assert(fc.property(mutant, requireSoundAnswer), { numRuns: 10_000 });
  });

  it('every valid picture passes, so mutants begin as something worth mutating', () => {
    for (const bytes of valid) expect(refusal(bytes)).toBeUndefined();
  });
});

describe('whatever a file claims or repeats', () => {
  it('no more memory is taken than a few times its own bytes', () => {
    const claim = pngChunk('iCCP', Buffer.alloc(10));
    claim.writeUInt32BE(0x7f_ff_ff_ff, 0);
    const frame = webpFrame(1, 1, webpLosslessHeader(1, 1));
    const empty = Buffer.concat([pngChunk('IDAT'), pngChunk('tEXt')]);
    const hostile = [
      png({ before: [claim] }),
      png({ before: [compressedProfile(30_000_000)] }),
      png({ before: [compressedText(30_000_000)] }),
      png({ data: [Buffer.alloc(2 * MEGABYTE, empty)] }),
      Buffer.concat([Buffer.from([0xff, 0xd8]), Buffer.alloc(2 * MEGABYTE, 0xff)]),
      gif(
        1,
        1,
        Array.from({ length: 100_000 }, () => ({})),
      ),
      webp(webpCanvas(1, 1), Buffer.alloc(2 * MEGABYTE, frame)),
    ];
    for (const bytes of hostile) {
      const before = process.memoryUsage().arrayBuffers;
      refusal(bytes);
      // Inflating a profile may take its limit of 4 MB, in pieces and joined.
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * MEGABYTE);
    }
  });
});

function requireSoundAnswer(bytes: Buffer): void {
  expect(unsoundness(bytes)).toEqual([]);
}

type Mutation = { kind: string; at: number; to: number; length: number };

function mutate(
  bytes: Buffer<ArrayBuffer>,
  { kind, at, to, length }: Mutation,
): Buffer<ArrayBuffer> {
  const start = at % (bytes.length + 1);
  const end = Math.min(start + length, bytes.length);
  switch (kind) {
    case 'set':
      return bytes.fill(to, start, end);
    case 'cut':
      return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
    case 'copy': {
      const target = to % (bytes.length + 1);
      const copied = bytes.subarray(start, end);
      return Buffer.concat([bytes.subarray(0, target), copied, bytes.subarray(target)]);
    }
    default:
      return bytes.subarray(0, start);
  }
}
