/** New files from old ones: a few blind changes, and those that know what the file is made of. */
import { crc32 } from 'node:zlib';
import type { OriginalFormat } from '../src/vocabulary/formats.ts';
import { type Anatomy, anatomyOf, type Field, type Part } from './anatomy.ts';
import type { Dice } from './dice.ts';

export type Seed = {
  readonly name: string;
  readonly format: OriginalFormat;
  readonly bytes: Buffer;
};

/** May change what it is given; the donor is another file to take pieces from, and stays as it is. */
type Mutation = (bytes: Buffer, anatomy: Anatomy, donor: Seed, dice: Dice) => Buffer;

const LARGEST = 2_000_000;
const MOST_MUTATIONS = 5;
/** How far a repeated part may make a file grow. */
const MOST_REPEATED_BYTES = 400_000;

/** Borders of what headers spell, and of what the service allows. */
const SIZES = [
  0, 1, 2, 3, 7, 8, 15, 16, 255, 256, 640, 2048, 4096, 7071, 10_000, 16_383, 16_384, 32_767, 65_500,
  65_535, 65_536, 0xff_ff_ff, 0x7f_ff_ff_ff, 0x80_00_00_00, 0xff_ff_ff_ff,
];
const BYTES = [0, 1, 2, 3, 4, 7, 8, 0x10, 0x7f, 0x80, 0xd9, 0xda, 0xfe, 0xff];

const BLIND: readonly Mutation[] = [
  flipBits,
  setByte,
  setNumber,
  truncate,
  removeRange,
  repeatRange,
  insertNoise,
  copyFromDonor,
];
const KNOWING: readonly Mutation[] = [
  removePart,
  repeatPart,
  movePart,
  takePartOfDonor,
  takePartOfDonor,
  changeLength,
  changeDimension,
  changeDimension,
  noiseInPart,
];

export function mutate(seed: Seed, donor: Seed, dice: Dice): Buffer {
  let bytes: Buffer = Buffer.from(seed.bytes);
  for (let count = 1 + dice.below(MOST_MUTATIONS); count > 0; count -= 1) {
    const mutation = dice.pick(dice.chance(0.6) ? KNOWING : BLIND);
    bytes = mutation(bytes, anatomyOf(bytes, seed.format), donor, dice);
    if (bytes.length === 0) return Buffer.alloc(0);
  }
  const cut = bytes.subarray(0, LARGEST);
  // Few mutants would get beyond checksums that do not fit.
  return seed.format === 'png' && dice.chance(0.8) ? withChecksums(cut) : cut;
}

function flipBits(bytes: Buffer, _anatomy: Anatomy, _donor: Seed, dice: Dice): Buffer {
  for (let count = 1 + dice.below(16); count > 0; count -= 1) {
    const at = dice.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << dice.below(8));
  }
  return bytes;
}

function setByte(bytes: Buffer, _anatomy: Anatomy, _donor: Seed, dice: Dice): Buffer {
  bytes[dice.below(bytes.length)] = dice.pick(BYTES);
  return bytes;
}

function setNumber(bytes: Buffer, _anatomy: Anatomy, _donor: Seed, dice: Dice): Buffer {
  const field = {
    at: dice.below(bytes.length),
    bytes: dice.pick([2, 4]),
    isLittle: dice.chance(0.5),
  };
  return write(bytes, field, dice.pick(SIZES));
}

function truncate(bytes: Buffer, _anatomy: Anatomy, _donor: Seed, dice: Dice): Buffer {
  // Most of what is interesting is lost near the end.
  const length = dice.chance(0.5) ? dice.below(bytes.length) : bytes.length - dice.below(64);
  return bytes.subarray(0, Math.max(1, length));
}

function removeRange(bytes: Buffer, _anatomy: Anatomy, _donor: Seed, dice: Dice): Buffer {
  const { start, end } = range(bytes, dice);
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
}

function repeatRange(bytes: Buffer, _anatomy: Anatomy, _donor: Seed, dice: Dice): Buffer {
  return repeated(bytes, range(bytes, dice), dice);
}

function insertNoise(bytes: Buffer, _anatomy: Anatomy, _donor: Seed, dice: Dice): Buffer {
  return inserted(bytes, dice.below(bytes.length), dice.bytes(1 + dice.below(64)));
}

function copyFromDonor(bytes: Buffer, _anatomy: Anatomy, donor: Seed, dice: Dice): Buffer {
  const { start, end } = range(donor.bytes, dice);
  donor.bytes.copy(bytes, dice.below(bytes.length), start, end);
  return bytes;
}

function removePart(bytes: Buffer, { parts }: Anatomy, _donor: Seed, dice: Dice): Buffer {
  if (parts.length === 0) return bytes;
  const { start, end } = dice.pick(parts);
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
}

function repeatPart(bytes: Buffer, { parts }: Anatomy, _donor: Seed, dice: Dice): Buffer {
  return parts.length === 0 ? bytes : repeated(bytes, dice.pick(parts), dice);
}

function movePart(bytes: Buffer, { parts }: Anatomy, _donor: Seed, dice: Dice): Buffer {
  if (parts.length === 0) return bytes;
  const { start, end } = dice.pick(parts);
  return inserted(bytes, dice.pick(parts).start, Buffer.from(bytes.subarray(start, end)));
}

function takePartOfDonor(bytes: Buffer, { parts }: Anatomy, donor: Seed, dice: Dice): Buffer {
  const offered = anatomyOf(donor.bytes, donor.format).parts;
  if (parts.length === 0 || offered.length === 0) return bytes;
  const { start, end } = dice.pick(offered);
  const place = dice.pick(parts);
  const taken = donor.bytes.subarray(start, end);
  if (dice.chance(0.5)) return inserted(bytes, place.start, taken);
  return Buffer.concat([bytes.subarray(0, place.start), taken, bytes.subarray(place.end)]);
}

function changeLength(bytes: Buffer, { lengths }: Anatomy, _donor: Seed, dice: Dice): Buffer {
  if (lengths.length === 0) return bytes;
  const field = dice.pick(lengths);
  const now = read(bytes, field);
  const rest = bytes.length - field.at;
  return write(bytes, field, dice.pick([now + 1, now - 1, 2 * now, rest, rest - 8, ...SIZES]));
}

function changeDimension(bytes: Buffer, { dimensions }: Anatomy, _donor: Seed, dice: Dice): Buffer {
  if (dimensions.length === 0) return bytes;
  const field = dice.pick(dimensions);
  const now = read(bytes, field);
  return write(bytes, field, dice.pick([now + 1, now - 1, 2 * now, now >> 1, ...SIZES]));
}

function noiseInPart(bytes: Buffer, { parts }: Anatomy, _donor: Seed, dice: Dice): Buffer {
  if (parts.length === 0) return bytes;
  const { start, end } = dice.pick(parts);
  for (let count = 1 + dice.below(8); count > 0; count -= 1) {
    bytes[start + dice.below(Math.max(1, end - start))] = dice.below(256);
  }
  return bytes;
}

function range(bytes: Buffer, dice: Dice): Part {
  const start = dice.below(bytes.length);
  const longest = dice.chance(0.7) ? 64 : bytes.length;
  return { start, end: Math.min(bytes.length, start + 1 + dice.below(longest)) };
}

function repeated(bytes: Buffer, { start, end }: Part, dice: Dice): Buffer {
  const piece = Buffer.from(bytes.subarray(start, end));
  const most = Math.max(1, Math.floor(MOST_REPEATED_BYTES / Math.max(1, piece.length)));
  const times = dice.chance(0.8) ? 1 : 1 + dice.below(most);
  return inserted(bytes, end, Buffer.alloc(piece.length * times, piece));
}

function inserted(bytes: Buffer, at: number, piece: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
}

function read(bytes: Buffer, { at, bytes: length, isLittle }: Field): number {
  if (at + length > bytes.length) return 0;
  return isLittle ? bytes.readUIntLE(at, length) : bytes.readUIntBE(at, length);
}

function write(bytes: Buffer, { at, bytes: length, isLittle }: Field, value: number): Buffer {
  if (at + length > bytes.length) return bytes;
  const largest = 2 ** (8 * length);
  const fitting = ((value % largest) + largest) % largest;
  if (isLittle) bytes.writeUIntLE(fitting, at, length);
  else bytes.writeUIntBE(fitting, at, length);
  return bytes;
}

function withChecksums(bytes: Buffer): Buffer {
  for (const { start, end } of anatomyOf(bytes, 'png').parts) {
    if (end - start < 12) continue;
    bytes.writeUInt32BE(crc32(bytes.subarray(start + 4, end - 4)), end - 4);
  }
  return bytes;
}
