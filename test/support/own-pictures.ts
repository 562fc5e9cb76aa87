/** Good originals of each kind, small ones: the demo's, and cards of which no copy need be kept. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { identify } from '../../src/inspect/magic.ts';
import { card, CARD_CHECK } from './cards.ts';
import type { Case } from './corpus.ts';

const DEMO = join(import.meta.dirname, '../../demo');

export async function ownPictures(): Promise<Case[]> {
  const demo = globSync('*/*/*', { cwd: DEMO }).map((name) =>
    caseOf(`demo/${name}`, readFileSync(join(DEMO, name))),
  );
  const cards = Object.entries(await cardsOfEachKind()).map(([name, bytes]) => ({
    ...caseOf(`card ${name}`, bytes),
    check: CARD_CHECK,
    orientation: ORIENTATION[name] ?? 1,
  }));
  return [...demo, ...cards, caseOf('half transparent', await halfTransparent())];
}

const ORIENTATION: Readonly<Record<string, number>> = { 'turned jpeg': 3, 'turned webp': 3 };

async function cardsOfEachKind(): Promise<Record<string, Buffer>> {
  const [upright, small] = [card(301, 200), card(40, 30)];
  const deep = upright.clone().toColourspace('rgb16');
  const upsideDown = sharp(await upright.clone().rotate(180).png().toBuffer());
  const exif = { IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '47/1 0/1 0/1' } };
  return {
    small: await small.png().toBuffer(),
    'turned jpeg': await upsideDown
      .clone()
      .withMetadata({ orientation: 3 })
      .withExifMerge(exif)
      .withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/"/>')
      .jpeg({ quality: 95 })
      .toBuffer(),
    'turned webp': await upsideDown.clone().withMetadata({ orientation: 3 }).webp().toBuffer(),
    'of wide gamut': await upright.clone().withIccProfile('p3').png().toBuffer(),
    'of 16 bits': await deep.clone().png().toBuffer(),
    'of 16 bits and wide gamut': await deep.clone().withIccProfile('p3').png().toBuffer(),
    'with a palette': await upright.clone().png({ palette: true }).toBuffer(),
    gif: await upright.clone().gif().toBuffer(),
    avif: await upright.clone().avif({ quality: 80 }).toBuffer(),
    'avif of 10 bits and wide gamut': await deep
      .clone()
      .withIccProfile('p3')
      .avif({ quality: 80, bitdepth: 10 })
      .toBuffer(),
  };
}

/** A ring on nothing, its edges fading. */
async function halfTransparent(): Promise<Buffer> {
  const edge = 200;
  const pixels = Buffer.alloc(edge * edge * 4);
  for (let at = 0; at < edge * edge; at += 1) {
    const [x, y] = [(at % edge) - edge / 2, Math.floor(at / edge) - edge / 2];
    const alpha = Math.max(0, 255 - 6 * Math.abs(Math.hypot(x, y) - 60));
    pixels.set([220, (at % edge) + 20, 40, alpha], at * 4);
  }
  return await sharp(pixels, { raw: { width: edge, height: edge, channels: 4 } })
    .png()
    .toBuffer();
}

function caseOf(name: string, bytes: Buffer): Case {
  const identity = identify(bytes);
  return {
    name,
    bytes,
    format: identity.kind === 'served' ? identity.format : identity.kind,
    expected: 'ok',
    strict: true,
    dangerous: false,
    width: null,
    height: null,
  };
}
