/**
 * Pictures built byte by byte: small, and hostile, odd or broken in exactly one way. Those that need
 * a real encoder begin as one of sharp's and are taken apart.
 */
import { crc32, deflateSync } from 'node:zlib';

// --- PNG

type PngOptions = {
  readonly width?: number;
  readonly height?: number;
  readonly depth?: number;
  readonly colourType?: number;
  readonly interlace?: number;
  /** Chunks between the header and the image data, and between that and the end. */
  readonly before?: readonly Buffer[];
  readonly after?: readonly Buffer[];
  /** The image data's chunks; by default what fits a small picture in RGB with 8 bits. */
  readonly data?: readonly Buffer[];
};

export function pngChunk(type: string, data: Buffer = Buffer.alloc(0)): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  return Buffer.concat([uint32(data.length), body, uint32(crc32(body))]);
}

export function png(options: PngOptions = {}): Buffer {
  const { width = 8, height = 8, depth = 8, colourType = 2, interlace = 0 } = options;
  const header = Buffer.concat([
    uint32(width),
    uint32(height),
    Buffer.from([depth, colourType, 0, 0, interlace]),
  ]);
  const lines = width * height <= 65_536 ? Buffer.alloc(height * (1 + 3 * width), 0) : undefined;
  const data = options.data ?? [pngChunk('IDAT', deflateSync(lines ?? Buffer.alloc(1)))];
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1A\n', 'latin1'),
    pngChunk('IHDR', header),
    ...(options.before ?? []),
    ...data,
    ...(options.after ?? []),
    pngChunk('IEND'),
  ]);
}

/** A chunk of compressed text that inflates to so many spaces. */
export function compressedText(inflatedBytes: number): Buffer {
  const text = deflateSync(Buffer.alloc(inflatedBytes, ' '));
  return pngChunk('zTXt', Buffer.concat([Buffer.from('Comment\0\0', 'latin1'), text]));
}

/** A colour profile chunk; what it declares as its size is by default true. */
export function compressedProfile(inflatedBytes: number, declaredBytes = inflatedBytes): Buffer {
  const profile = Buffer.alloc(inflatedBytes);
  profile.writeUInt32BE(declaredBytes, 0);
  const name = Buffer.from('ICC\0\0', 'latin1');
  return pngChunk('iCCP', Buffer.concat([name, deflateSync(profile, { level: 9 })]));
}

/** The types of a PNG's chunks in their order. */
export function pngChunkTypes(bytes: Buffer): string[] {
  const types: string[] = [];
  for (let at = 8; at + 8 <= bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    types.push(bytes.toString('latin1', at + 4, at + 8));
  }
  return types;
}

// --- JPEG

export const SOI = Buffer.from([0xff, 0xd8]);
export const EOI = Buffer.from([0xff, 0xd9]);

export function jpegSegment(marker: number, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0xff, marker]), uint16(data.length + 2), data]);
}

/** A frame header (C0 baseline, C2 progressive, …) with equally sampled components. */
export function jpegFrame(marker: number, width: number, height: number, components = 3): Buffer {
  return jpegSegment(
    marker,
    Buffer.concat([
      Buffer.from([8]),
      uint16(height),
      uint16(width),
      Buffer.from([components]),
      ...Array.from({ length: components }, (_, n) => Buffer.from([n + 1, 0x11, 0])),
    ]),
  );
}

/** A scan header without data behind it. */
export function jpegScan(components = 1): Buffer {
  const selectors = Array.from({ length: components }, (_, n) => [n + 1, 0]).flat();
  return jpegSegment(0xda, Buffer.from([components, ...selectors, 0, 63, 0]));
}

/** Puts so many further scans, each of some bytes without data, before the end of a real picture. */
export function withEmptyScans(progressive: Buffer, count: number): Buffer {
  const end = progressive.lastIndexOf(EOI);
  // By the frame header: in pictures of inks it has a letter for a name.
  const component = progressive[progressive.indexOf(Buffer.from([0xff, 0xc2])) + 10] ?? 1;
  // One coefficient of one component, refined by nothing.
  const scan = jpegSegment(0xda, Buffer.from([1, component, 0, 1, 63, 0]));
  return Buffer.concat([
    progressive.subarray(0, end),
    ...Array.from({ length: count }, () => scan),
    progressive.subarray(end),
  ]);
}

/** The same picture with so many bytes of metadata, or a few less: which anybody may have, and nobody shows. */
export function withMetadata(jpeg: Buffer, bytes: number): Buffer {
  const segment = jpegSegment(0xed, Buffer.alloc(65_533));
  const segments = Array.from({ length: Math.floor(bytes / segment.length) }, () => segment);
  return Buffer.concat([SOI, ...segments, jpeg.subarray(SOI.length)]);
}

/** Black, in one scan that has the first of three components alone. */
export function jpegOfOneComponent(edge: number): Buffer {
  const blocks = Math.ceil(edge / 8) ** 2;
  const oneCode = Buffer.concat([Buffer.from([1]), Buffer.alloc(15), Buffer.from([0])]);
  return Buffer.concat([
    SOI,
    jpegSegment(0xdb, Buffer.concat([Buffer.from([0]), Buffer.alloc(64, 1)])),
    jpegSegment(0xc4, Buffer.concat([Buffer.from([0x00]), oneCode])),
    jpegSegment(0xc4, Buffer.concat([Buffer.from([0x10]), oneCode])),
    jpegFrame(0xc0, edge, edge),
    jpegScan(1),
    // Two bits a block: no difference, and no more coefficients.
    Buffer.alloc(Math.ceil(blocks / 4)),
    EOI,
  ]);
}

// --- GIF

type GifFrame = {
  readonly left?: number;
  readonly top?: number;
  readonly width?: number;
  readonly height?: number;
  /** What becomes of it before the next one; it has no graphic control by default. */
  readonly disposal?: number;
  /** Whether all of it is white. */
  readonly isFilled?: boolean;
  /** Of LZW's first codes, in bits. */
  readonly codeSize?: number;
};

export function gif(width: number, height: number, frames: readonly GifFrame[] = [{}]): Buffer {
  return Buffer.concat([
    Buffer.from('GIF89a', 'latin1'),
    uint16Little(width),
    uint16Little(height),
    Buffer.from([0x80, 0, 0, 0, 0, 0, 255, 255, 255]),
    ...frames.map(gifFrame),
    Buffer.from([0x3b]),
  ]);
}

/** Holds the data of one pixel, whatever it declares, unless it is filled. */
function gifFrame(frame: GifFrame): Buffer {
  const { left = 0, top = 0, width = 1, height = 1, disposal, isFilled = false } = frame;
  const control = [0x21, 0xf9, 4, (disposal ?? 0) << 2, 10, 0, 0, 0];
  return Buffer.concat([
    Buffer.from(disposal === undefined ? [] : control),
    Buffer.from([0x2c]),
    ...[left, top, width, height].map(uint16Little),
    Buffer.from([0]),
    isFilled
      ? whitePixels(width * height, frame.codeSize ?? 2)
      : Buffer.from([2, 2, 0x44, 0x01, 0]),
  ]);
}

/** The table is begun anew before each pixel, so that the codes never grow. */
function whitePixels(count: number, codeSize: number): Buffer {
  const clear = 2 ** codeSize;
  const codes = [...Array.from({ length: count }, () => [clear, 1]).flat(), clear + 1];
  let bits = 0n;
  for (const code of codes.toReversed()) bits = (bits << BigInt(codeSize + 1)) | BigInt(code);
  const length = Math.ceil((codes.length * (codeSize + 1)) / 8);
  const data = Array.from({ length }, (_, at) => Number((bits >> BigInt(8 * at)) & 0xffn));
  return Buffer.from([codeSize, length, ...data, 0]);
}

// --- WebP

export function webp(...chunks: readonly Buffer[]): Buffer {
  const body = Buffer.concat([Buffer.from('WEBP', 'latin1'), ...chunks]);
  return Buffer.concat([Buffer.from('RIFF', 'latin1'), uint32Little(body.length), body]);
}

export function webpChunk(type: string, data: Buffer): Buffer {
  const padding = Buffer.alloc(data.length % 2);
  return Buffer.concat([Buffer.from(type, 'latin1'), uint32Little(data.length), data, padding]);
}

/** The beginning of a lossless picture: enough to tell its size. */
export function webpLosslessHeader(width: number, height: number): Buffer {
  return webpChunk(
    'VP8L',
    Buffer.concat([Buffer.from([0x2f]), uint32Little((width - 1) | ((height - 1) << 14))]),
  );
}

export function webpCanvas(width: number, height: number, flags = 0x02): Buffer {
  return webpChunk(
    'VP8X',
    Buffer.concat([uint32Little(flags), uint24Little(width - 1), uint24Little(height - 1)]),
  );
}

export function webpLoop(): Buffer {
  return webpChunk('ANIM', Buffer.alloc(6));
}

/** @param picture a chunk with a picture of that size */
export function webpFrame(width: number, height: number, picture: Buffer): Buffer {
  const numbers = [0, 0, width - 1, height - 1, 10].map(uint24Little);
  return webpChunk('ANMF', Buffer.concat([...numbers, Buffer.from([0]), picture]));
}

/** The types of a WebP's chunks in their order. */
export function webpChunkTypes(bytes: Buffer): string[] {
  const types: string[] = [];
  for (let at = 12; at + 8 <= bytes.length;) {
    types.push(bytes.toString('latin1', at, at + 4));
    const length = bytes.readUInt32LE(at + 4);
    at += 8 + length + (length % 2);
  }
  return types;
}

// --- AVIF

export function box(type: string, ...data: readonly Buffer[]): Buffer {
  const length = 8 + data.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([uint32(length), Buffer.from(type, 'latin1'), ...data]);
}

export function fullBox(type: string, version: number, ...data: readonly Buffer[]): Buffer {
  return box(type, Buffer.from([version, 0, 0, 0]), ...data);
}

export function fileType(major: string, ...compatible: readonly string[]): Buffer {
  return box('ftyp', Buffer.from(`${major}\0\0\0\0${compatible.join('')}`, 'latin1'));
}

export function pictureSize(width: number, height: number): Buffer {
  return fullBox('ispe', 0, uint32(width), uint32(height));
}

/** The header of an AVIF that tells sizes and no more. */
export function avifSizes(...sizes: ReadonlyArray<readonly [number, number]>): Buffer {
  const properties = sizes.map(([width, height]) => pictureSize(width, height));
  return Buffer.concat([
    fileType('avif', 'avif', 'mif1'),
    fullBox('meta', 0, box('iprp', box('ipco', ...properties))),
  ]);
}

type GridOptions = {
  /** What the picture declares to be, and each of its tiles. */
  readonly output: readonly [number, number];
  readonly tile: readonly [number, number];
  readonly columns: number;
  readonly rows: number;
};

/**
 * A picture put together from one tile shown many times.
 * @param still an AVIF as sharp writes it, whose coded picture becomes the tile
 */
export function avifGrid(still: Buffer, { output, tile, columns, rows }: GridOptions): Buffer {
  const coded = still.subarray(still.indexOf('mdat') + 4);
  const configurationAt = still.indexOf('av1C') - 4;
  const configuration = still.subarray(
    configurationAt,
    configurationAt + still.readUInt32BE(configurationAt),
  );
  const layout = Buffer.concat([Buffer.from([0, 0, rows - 1, columns - 1]), ...output.map(uint16)]);
  const tiles = Array.from({ length: columns * rows }, () => uint16(2));
  const type = fileType('avif', 'avif', 'mif1', 'miaf');
  const meta = (dataAt: number): Buffer =>
    fullBox(
      'meta',
      0,
      fullBox('hdlr', 0, uint32(0), Buffer.from('pict', 'latin1'), Buffer.alloc(13)),
      fullBox('pitm', 0, uint16(1)),
      // Item 1 lies in `idat`, item 2 in the file; offsets and lengths have 4 bytes.
      fullBox(
        'iloc',
        1,
        ...[0x44_00, 2, 1, 1, 0, 1].map(uint16),
        ...[0, layout.length].map(uint32),
        ...[2, 0, 0, 1].map(uint16),
        ...[dataAt, coded.length].map(uint32),
      ),
      fullBox('iinf', 0, uint16(2), itemEntry(1, 'grid'), itemEntry(2, 'av01')),
      fullBox('iref', 0, box('dimg', uint16(1), uint16(tiles.length), ...tiles)),
      box(
        'iprp',
        box(
          'ipco',
          pictureSize(...output),
          pictureSize(...tile),
          configuration,
          fullBox('pixi', 0, Buffer.from([3, 8, 8, 8])),
        ),
        fullBox('ipma', 0, uint32(2), Buffer.from([0, 1, 2, 1, 4, 0, 2, 3, 2, 0x83, 4])),
      ),
      box('idat', layout),
    );
  const dataAt = type.length + meta(0).length + 8;
  return Buffer.concat([type, meta(dataAt), box('mdat', coded)]);
}

function itemEntry(id: number, type: string): Buffer {
  return fullBox('infe', 2, uint16(id), uint16(0), Buffer.from(`${type}\0`, 'latin1'));
}

// --- Numbers

function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function uint16Little(value: number): Buffer {
  return Buffer.from([value & 0xff, value >> 8]);
}

function uint24Little(value: number): Buffer {
  return uint32Little(value).subarray(0, 3);
}

function uint32Little(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}
