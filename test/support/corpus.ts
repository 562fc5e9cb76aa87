/**
 * Pictures to try the service on: those of a folder collected for it, or a smaller set made here when
 * there is none. `AVATAR_CORPUS` names the folder, with its `manifest.json`.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { card, CARD_CHECK, type Corners, type Rgb } from './cards.ts';
import {
  avifGrid,
  compressedText,
  gif,
  png,
  webp,
  webpLosslessHeader,
  withEmptyScans,
} from './pictures.ts';

export type Case = {
  readonly name: string;
  readonly bytes: Buffer;
  readonly expected: 'ok' | 'reject';
  /** False where either answer will do. */
  readonly strict: boolean;
  /** Says that decoding the bytes as they are is dangerous. */
  readonly dangerous: boolean;
  readonly format: string;
  readonly width: number | null;
  readonly height: number | null;
  /** What the corners of the picture are to look like, upright and in sRGB, and how far off they may be. */
  readonly check?: { readonly corners: Corners; readonly maxDeltaE: number } | undefined;
  /** By EXIF, where it is known. */
  readonly orientation?: number | undefined;
};

type Entry = Pick<Case, 'expected' | 'strict' | 'format' | 'width' | 'height'> & {
  readonly file: string;
  /** In words. */
  readonly tests: string;
  readonly note?: string;
  readonly check?: {
    readonly quadrants: Readonly<Record<'TL' | 'TR' | 'BL' | 'BR', Rgb>>;
    readonly maxDeltaE: number;
  };
};

const FOLDER =
  process.env['AVATAR_CORPUS'] ?? path.join(import.meta.dirname, '../../../shared/corpus');

export const hasCorpus = existsSync(path.join(FOLDER, 'manifest.json'));

export async function loadCases(): Promise<Case[]> {
  return hasCorpus ? collected() : await made();
}

/** @throws Error where there is no folder of them */
export function collected(): Case[] {
  const manifest: { readonly files: readonly Entry[] } = JSON.parse(
    readFileSync(path.join(FOLDER, 'manifest.json'), 'utf8'),
  );
  return manifest.files.map(({ file, tests, note, check, ...entry }) => ({
    ...entry,
    name: file,
    bytes: readFileSync(path.join(FOLDER, file)),
    dangerous: note?.includes('must be rejected') ?? false,
    check: check && { corners: cornersOf(check.quadrants), maxDeltaE: check.maxDeltaE },
    orientation: Number(/exif-orientation (?<number>\d)/.exec(tests)?.groups?.['number'] ?? 1),
  }));
}

function cornersOf({ TL, TR, BL, BR }: Readonly<Record<'TL' | 'TR' | 'BL' | 'BR', Rgb>>): Corners {
  return { topLeft: TL, topRight: TR, bottomLeft: BL, bottomRight: BR };
}

async function made(): Promise<Case[]> {
  const size = { width: 90, height: 60 };
  const picture = card(size.width, size.height);
  const encoded = {
    jpeg: await picture.clone().jpeg().toBuffer(),
    progressive: await picture.clone().jpeg({ progressive: true }).toBuffer(),
    png: await picture.clone().png().toBuffer(),
    interlaced: await picture.clone().png({ progressive: true }).toBuffer(),
    palette: await picture.clone().png({ palette: true }).toBuffer(),
    gif: await picture.clone().gif().toBuffer(),
    webp: await picture.clone().webp().toBuffer(),
    lossless: await picture.clone().ensureAlpha(0.5).webp({ lossless: true }).toBuffer(),
    avif: await picture.clone().avif({ effort: 0 }).toBuffer(),
  };
  const formats: Record<string, string> = {
    progressive: 'jpeg',
    interlaced: 'png',
    palette: 'png',
    lossless: 'webp',
  };
  const names = Object.entries(encoded);
  const good = names.map(([name, bytes]): Case => ({
    ...size,
    name,
    bytes,
    format: formats[name] ?? name,
    expected: 'ok',
    strict: true,
    dangerous: false,
    ...(name !== 'lossless' && { check: CARD_CHECK }),
  }));
  const heavy = await heavyPictures();
  const bad = names.flatMap(([name, bytes]) =>
    [0.05, 0.5, 0.9].map((part): Case => {
      const cut = bytes.subarray(0, Math.floor(bytes.length * part));
      return rejected(`${name} cut to ${part}`, cut, { strict: part < 0.9 });
    }),
  );
  const tile = [3500, 3500] as const;
  const dangerous = [
    png({ before: Array.from({ length: 50 }, () => compressedText(1_000_000)) }),
    withEmptyScans(encoded.progressive, 5000),
    avifGrid(encoded.avif, { output: tile, tile, columns: 5, rows: 5 }),
  ].map((bytes, index) => rejected(`bomb ${index}`, bytes, { dangerous: true }));
  const large = [
    png({ width: 30_000, height: 30_000 }),
    gif(40_000, 40_000),
    webp(webpLosslessHeader(16_383, 16_383)),
    Buffer.alloc(64 * 1024),
    Buffer.from('<!doctype html>'),
  ].map((bytes, index) => rejected(`no avatar ${index}`, bytes, {}));
  return [...good, ...heavy, ...bad, ...dangerous, ...large];
}

/** What takes the most time and memory of all that passes. */
async function heavyPictures(): Promise<Case[]> {
  const [width, height] = [4500, 4500];
  const flat = sharp({ create: { width, height, channels: 4, background: '#8888' } });
  const pictures = {
    png: await flat
      .clone()
      .toColourspace('rgb16')
      .png({ progressive: true, compressionLevel: 1 })
      .toBuffer(),
    jpeg: await flat
      .clone()
      .flatten()
      .jpeg({ progressive: true, chromaSubsampling: '4:4:4' })
      .toBuffer(),
  };
  return Object.entries(pictures).map(([format, bytes]) => ({
    name: `heavy ${format}`,
    bytes,
    expected: 'ok',
    strict: true,
    dangerous: false,
    format,
    width,
    height,
  }));
}

function rejected(
  name: string,
  bytes: Buffer,
  { strict = true, dangerous = false }: { strict?: boolean; dangerous?: boolean },
): Case {
  const unknown = { format: 'unknown', width: null, height: null };
  return { ...unknown, name, bytes, expected: 'reject', strict, dangerous };
}
