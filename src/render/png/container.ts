/** PNG's container (W3C, third edition, sections 5 and 11): signature, chunks, checksums. */
import { constants, crc32, deflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1A\n', 'latin1');
/** Length, type and checksum. */
export const CHUNK_OVERHEAD = 12;

/** By channels of a sample: grey, grey with alpha, RGB, RGB with alpha. */
export const COLOUR_TYPES = { 1: 0, 2: 4, 3: 2, 4: 6, palette: 3 } as const;

export type PngHeader = {
  readonly width: number;
  readonly height: number;
  readonly depth: 1 | 2 | 4 | 8;
  readonly colourType: (typeof COLOUR_TYPES)[keyof typeof COLOUR_TYPES];
};

export type Chunk = { readonly type: 'PLTE' | 'tRNS'; readonly data: Buffer };

/** How the lines are deflated: by looking for what repeats, or for runs of one value only. */
type Search = 'repetitions' | 'runs';

/**
 * @param before chunks between the header and the picture
 * @param lines each a filter type and its bytes
 */
export function writePng(
  header: PngHeader,
  before: readonly Chunk[],
  lines: Buffer,
  search: Search,
): Buffer {
  const { Z_RLE, Z_DEFAULT_STRATEGY } = constants;
  const strategy = search === 'runs' ? Z_RLE : Z_DEFAULT_STRATEGY;
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', headerData(header)),
    ...before.map(({ type, data }) => chunk(type, data)),
    chunk('IDAT', deflateSync(lines, { level: 6, strategy })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function headerData({ width, height, depth, colourType }: PngHeader): Buffer {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.writeUInt8(depth, 8);
  data.writeUInt8(colourType, 9);
  return data;
}

function chunk(type: string, data: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(CHUNK_OVERHEAD + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, 'latin1');
  data.copy(bytes, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}
