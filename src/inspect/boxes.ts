/** Boxes of the ISO base media file format (ISO/IEC 14496-12, 4.2), which AVIF is made of. */
import { fourLetters } from './four-letters.ts';
import { corrupt, hostile } from './verdict.ts';

/** The data of a box, between its header and its end; the end is never behind the file. */
export type Box = { readonly start: number; readonly end: number; readonly type: number };

type Range = { readonly start: number; readonly end: number };

/** The version and flags that begin the data of a full box. */
export const VERSION_AND_FLAGS = 4;

/** Far above what a still picture has side by side; bounds the work for boxes that hold nothing. */
const MAX_SIBLINGS = 10_000;

/**
 * The one box of a type that may lie directly within a range. Two are refused, since readers differ
 * in which they believe, and the decoder must not believe another than was looked at here.
 * @throws AvatarError `original_corrupt`, `original_hostile`
 */
export function findBox(bytes: Buffer, within: Range, name: string): Box | undefined {
  const wanted = fourLetters(name);
  let found: Box | undefined;
  for (const box of boxesOf(bytes, within)) {
    if (box.type !== wanted) continue;
    if (found !== undefined) throw corrupt(`AVIF: two boxes ${name} where one may be`);
    found = box;
  }
  return found;
}

/**
 * The boxes that lie directly within a range, until one makes no sense.
 * @throws AvatarError `original_hostile`
 */
export function* boxesOf(bytes: Buffer, { start, end }: Range): Generator<Box> {
  let count = 0;
  for (let at = start; at + 8 <= end;) {
    count += 1;
    if (count > MAX_SIBLINGS) throw hostile(`AVIF: more than ${MAX_SIBLINGS} boxes side by side`);
    const size = boxSize(bytes, at, end);
    if (size === undefined) return;
    const next = Math.min(at + size.total, end);
    yield { start: at + size.header, end: next, type: bytes.readUInt32BE(at + 4) };
    at = next;
  }
}

/** A size of 1 is told in 64 bits behind the type, one of 0 reaches to the end. */
function boxSize(
  bytes: Buffer,
  at: number,
  end: number,
): { header: number; total: number } | undefined {
  const short = bytes.readUInt32BE(at);
  if (short === 0) return { header: 8, total: end - at };
  if (short !== 1) return short < 8 ? undefined : { header: 8, total: short };
  if (at + 16 > end) return undefined;
  const total = Number(bytes.readBigUInt64BE(at + 8));
  return total < 16 ? undefined : { header: 16, total };
}
