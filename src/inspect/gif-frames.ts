/** The frames of a GIF89a, as its blocks tell of them: nothing of what is drawn is looked at. */
import { hostile, type Dimensions } from './verdict.ts';

export const HEADER_LENGTH = 13;
export const EXTENSION = 0x21;
export const IMAGE = 0x2c;
export const GRAPHIC_CONTROL = 0xf9;
/** Introducer, label and size; flags, delay and transparent colour; the end. */
const GRAPHIC_CONTROL_LENGTH = 8;
const DESCRIPTOR_LENGTH = 10;

/** More frames than anybody waits for; bounds the work for blocks that hold nothing. */
const MAX_BLOCKS = 1_000_000;

export type GifFrame = {
  readonly offset: Dimensions;
  readonly size: Dimensions;
  /** Where its graphic control is, the last of several. */
  readonly control: number | undefined;
  /** Whether a colour of it is declared to be transparent, in whichever of them. */
  readonly isTransparent: boolean;
  /** In bits: no pixel is of a colour that does not fit. Not known of a frame that is cut off. */
  readonly codeSize: number | undefined;
  /** The first byte behind it, behind the file when it is cut off. */
  readonly end: number;
};

/**
 * The walk ends at the trailer, at the end of the file, and at whatever is no block.
 * @throws AvatarError `original_hostile`
 */
export function* framesOf(bytes: Buffer): Generator<GifFrame> {
  let at = HEADER_LENGTH + paletteLength(bytes.readUInt8(10));
  let control: number | undefined;
  let isTransparent = false;

  for (let blocks = 0; at < bytes.length; blocks += 1) {
    if (blocks > MAX_BLOCKS) throw hostile(`GIF: more than ${MAX_BLOCKS} blocks`);
    const block = bytes[at];
    if (block === EXTENSION) {
      if (isGraphicControl(bytes, at)) {
        control = at;
        isTransparent ||= (bytes.readUInt8(at + 3) & 1) === 1;
      }
      at = endOfData(bytes, at + 2);
    } else if (block === IMAGE && at + DESCRIPTOR_LENGTH <= bytes.length) {
      // Behind the descriptor: a palette, the size of LZW's first codes, the data.
      const data = at + DESCRIPTOR_LENGTH + paletteLength(bytes.readUInt8(at + 9));
      const end = endOfData(bytes, data + 1);
      yield {
        offset: readDimensions(bytes, at + 1),
        size: readDimensions(bytes, at + 5),
        control,
        isTransparent,
        codeSize: bytes[data],
        end,
      };
      at = end;
      control = undefined;
      isTransparent = false;
    } else {
      break;
    }
  }
}

function isGraphicControl(bytes: Buffer, at: number): boolean {
  const isWhole = at + GRAPHIC_CONTROL_LENGTH <= bytes.length;
  return isWhole && bytes[at + 1] === GRAPHIC_CONTROL && bytes[at + 2] === 4;
}

export function readDimensions(bytes: Buffer, at: number): Dimensions {
  return { width: bytes.readUInt16LE(at), height: bytes.readUInt16LE(at + 2) };
}

/** @returns the first byte behind a chain of sub-blocks, behind the file when it is cut off */
function endOfData(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length) {
    const length = bytes[at] ?? 0;
    at += 1 + length;
    if (length === 0) return at;
  }
  return bytes.length + 1;
}

function paletteLength(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
}
