/** The inspector and the decoder together, over every picture there is. */
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import type { InspectedOriginal } from '../../src/avatar/ports.ts';
import { AvatarError } from '../../src/errors.ts';
import { DECODED_BYTES } from '../../src/inspect/memory.ts';
import { type Case, hasCorpus, loadCases } from '../support/corpus.ts';
import { inspector, MAX_PIXELS } from './support.ts';

let cases: readonly Case[];

beforeAll(async () => {
  cases = await loadCases();
});

describe(`over the pictures ${hasCorpus ? 'collected' : 'made here'}`, () => {
  it('every good one passes, with its format and size, and can still be decoded', async () => {
    const good = cases.filter(({ expected, strict }) => expected === 'ok' && strict);
    const mistakes: string[] = [];
    for (const picture of good) {
      const inspected = inspect(picture);
      if (inspected instanceof AvatarError) {
        mistakes.push(`${picture.name}: ${inspected.code} ${inspected.detail ?? ''}`);
        continue;
      }
      mistakes.push(...contradictions(picture, inspected));
      const failure = await decode(inspected);
      if (failure !== undefined) mistakes.push(`${picture.name}: cannot be decoded: ${failure}`);
    }
    expect(mistakes).toEqual([]);
    expect(good.length).toBeGreaterThan(8);
  });

  it('every bad one is refused by the inspector or the decoder, or harmless once cleaned', async () => {
    const bad = cases.filter(({ expected, strict }) => expected === 'reject' && strict);
    const accepted: string[] = [];
    for (const picture of bad) {
      const inspected = inspect(picture);
      if (inspected instanceof AvatarError || isCleaned(picture, inspected)) continue;
      if ((await decode(inspected)) === undefined) accepted.push(picture.name);
    }
    expect(accepted).toEqual([]);
    expect(bad.length).toBeGreaterThan(8);
  });

  it('every dangerous one is refused before a decoder sees it, or cleaned', () => {
    const dangerous = cases.filter(({ strict, dangerous }) => strict && dangerous);
    const passed = dangerous.filter((picture) => {
      const inspected = inspect(picture);
      return !(inspected instanceof AvatarError) && !isCleaned(picture, inspected);
    });
    expect(passed.map(({ name }) => name)).toEqual([]);
    expect(dangerous.length).toBeGreaterThan(2);
  });

  it('every one where either answer will do is within the budget it declares', () => {
    for (const picture of cases.filter(({ strict }) => !strict)) {
      const inspected = inspect(picture);
      if (inspected instanceof AvatarError) continue;
      expect(inspected.width * inspected.height).toBeLessThanOrEqual(MAX_PIXELS);
      expect(inspected.decodedBytes).toBeLessThanOrEqual(DECODED_BYTES);
    }
  });
});

function inspect({ bytes }: Case): InspectedOriginal | AvatarError {
  try {
    return inspector.inspect(bytes);
  } catch (error) {
    if (error instanceof AvatarError) return error;
    throw error;
  }
}

function isCleaned({ dangerous, bytes }: Case, inspected: InspectedOriginal): boolean {
  return dangerous && inspected.bytes.length < bytes.length / 10;
}

function contradictions(picture: Case, inspected: InspectedOriginal): string[] {
  const found: string[] = [];
  if (inspected.format !== picture.format) {
    found.push(`${picture.name}: is ${picture.format}, seen as ${inspected.format}`);
  }
  const { width, height } = inspected;
  const isSame = width === picture.width && height === picture.height;
  // The manifest has an AVIF as sharp tells of it, with its rotation applied.
  const isTurned =
    inspected.format === 'avif' && width === picture.height && height === picture.width;
  if (picture.width !== null && !isSame && !isTurned) {
    found.push(
      `${picture.name}: is ${picture.width}×${picture.height}, seen as ${width}×${height}`,
    );
  }
  return found;
}

/** @returns what the decoder complains of */
async function decode({ bytes }: InspectedOriginal): Promise<string | undefined> {
  try {
    await sharp(bytes, { failOn: 'error', limitInputPixels: MAX_PIXELS })
      .autoOrient()
      .resize(24, 24, { fit: 'cover' })
      .raw()
      .toBuffer();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
