/**
 * Tells what a file is by its first bytes. Names and media types of uploads say nothing: stores hold
 * error pages called `.png` and photographs called `.gif`.
 */
import type { OriginalFormat } from '../vocabulary/formats.ts';

type Identity =
  | { readonly kind: 'served'; readonly format: OriginalFormat }
  /** An image of a format that is never decoded here. */
  | { readonly kind: 'unsupported'; readonly name: string }
  /** An image once, but its very signature was damaged on the way. */
  | { readonly kind: 'damaged'; readonly detail: string }
  | { readonly kind: 'other'; readonly detail: string };

type Signature = { readonly name: string; readonly at: number; readonly bytes: string };

/** Signatures in Latin-1, which most are. Where one begins another, the longer one comes first. */
const UNSUPPORTED: readonly Signature[] = [
  { name: 'TIFF', at: 0, bytes: 'II*\0' },
  { name: 'TIFF', at: 0, bytes: 'MM\0*' },
  { name: 'BigTIFF', at: 0, bytes: 'II+\0' },
  { name: 'BigTIFF', at: 0, bytes: 'MM\0+' },
  { name: 'JPEG XR', at: 0, bytes: 'II\xBC' },
  { name: 'JPEG XL', at: 0, bytes: '\xFF\x0A' },
  { name: 'JPEG XL', at: 0, bytes: '\0\0\0\x0CJXL ' },
  { name: 'JPEG 2000', at: 0, bytes: '\0\0\0\x0CjP  ' },
  { name: 'JPEG 2000 codestream', at: 0, bytes: '\xFF\x4F\xFF\x51' },
  { name: 'Photoshop document', at: 0, bytes: '8BPS' },
  { name: 'PDF', at: 0, bytes: '%PDF-' },
  { name: 'PostScript', at: 0, bytes: '%!PS' },
  { name: 'Windows icon', at: 0, bytes: '\0\0\x01\0' },
  { name: 'Windows cursor', at: 0, bytes: '\0\0\x02\0' },
  { name: 'Apple icon', at: 0, bytes: 'icns' },
  { name: 'MNG', at: 0, bytes: '\x8AMNG' },
  { name: 'JNG', at: 0, bytes: '\x8BJNG' },
  { name: 'QOI', at: 0, bytes: 'qoif' },
  { name: 'FLIF', at: 0, bytes: 'FLIF' },
  { name: 'DirectDraw surface', at: 0, bytes: 'DDS ' },
  { name: 'OpenEXR', at: 0, bytes: 'v/1\x01' },
  { name: 'Radiance HDR', at: 0, bytes: '#?RADIANCE' },
  { name: 'Radiance HDR', at: 0, bytes: '#?RGBE' },
  { name: 'FITS', at: 0, bytes: 'SIMPLE  =' },
  { name: 'GIMP image', at: 0, bytes: 'gimp xcf' },
  { name: 'DjVu', at: 0, bytes: 'AT&TFORM' },
];

/** Not images at all; the names spare an operator the hex editor. */
const OTHERS: readonly Signature[] = [
  { name: 'gzip data (an SVGZ, or stored with Content-Encoding lost)', at: 0, bytes: '\x1F\x8B' },
  { name: 'a ZIP archive', at: 0, bytes: 'PK\x03\x04' },
  { name: 'a ZIP archive', at: 0, bytes: 'PK\x05\x06' },
  { name: 'a Matroska or WebM video', at: 0, bytes: '\x1A\x45\xDF\xA3' },
  { name: 'an AVI video', at: 8, bytes: 'AVI ' },
  { name: 'a RIFF file that is not WebP', at: 0, bytes: 'RIFF' },
  { name: 'a program (ELF)', at: 0, bytes: '\x7FELF' },
  { name: 'a program (MZ)', at: 0, bytes: 'MZ' },
];

/** Major brands of ISO BMFF files that hold pictures in HEVC or a codec unnamed (ISO/IEC 23008-12). */
const HEIF_BRANDS = new Set('heic heix heim heis hevc hevx hevm hevs mif1 msf1'.split(' '));
/** The `ftyp` box lists a handful of brands; what claims more is not read further. */
const BRANDS_READ = 64;
/** How far into a text its kind is looked for: prologues and comments may precede `<svg`. */
const TEXT_READ = 4096;

const PNG = Buffer.from('\x89PNG\r\n\x1A\n', 'latin1');

export function identify(bytes: Buffer): Identity {
  if (bytes.length === 0) return { kind: 'other', detail: 'empty (0 bytes)' };
  return served(bytes) ?? isoMedia(bytes) ?? unsupported(bytes) ?? other(bytes);
}

function served(bytes: Buffer): Identity | undefined {
  if (bytes.subarray(0, 8).equals(PNG)) return { kind: 'served', format: 'png' };
  // Every newline conversion breaks this signature; it was designed to (PNG, section 5.2).
  if (startsWith(bytes, '\x89PNG') || startsWith(bytes, '\x89\nPNG')) {
    return { kind: 'damaged', detail: 'PNG: its signature was changed, as by a text-mode copy' };
  }
  if (startsWith(bytes, '\xFF\xD8')) return { kind: 'served', format: 'jpeg' };
  if (startsWith(bytes, 'GIF87a') || startsWith(bytes, 'GIF89a')) {
    return { kind: 'served', format: 'gif' };
  }
  if (startsWith(bytes, 'RIFF') && startsWith(bytes, 'WEBP', 8)) {
    return { kind: 'served', format: 'webp' };
  }
  return undefined;
}

/** Files that begin with an `ftyp` box: AVIF, HEIC, raw photographs, videos. */
function isoMedia(bytes: Buffer): Identity | undefined {
  if (!startsWith(bytes, 'ftyp', 4) || bytes.length < 16) return undefined;
  const major = bytes.toString('latin1', 8, 12);
  const end = Math.min(bytes.readUInt32BE(0), bytes.length, 16 + 4 * BRANDS_READ);
  const compatible = new Set<string>();
  for (let at = 16; at + 4 <= end; at += 4) compatible.add(bytes.toString('latin1', at, at + 4));

  // A still picture of the generic brand is AVIF when it says that an AVIF reader may open it.
  if (major === 'avif' || (major === 'mif1' && compatible.has('avif'))) {
    return { kind: 'served', format: 'avif' };
  }
  if (major === 'avis') return { kind: 'unsupported', name: 'AVIF image sequence' };
  if (HEIF_BRANDS.has(major)) return { kind: 'unsupported', name: 'HEIC' };
  if (major === 'crx ') return { kind: 'unsupported', name: 'Canon raw photograph' };
  return { kind: 'other', detail: `an MP4 or QuickTime file of brand ${JSON.stringify(major)}` };
}

function unsupported(bytes: Buffer): Identity | undefined {
  const signature = UNSUPPORTED.find(({ at, bytes: magic }) => startsWith(bytes, magic, at));
  if (signature !== undefined) return { kind: 'unsupported', name: signature.name };
  // Two letters are no evidence; a header of known size behind reserved zeroes is.
  if (startsWith(bytes, 'BM') && startsWith(bytes, '\0\0\0\0', 6)) {
    return { kind: 'unsupported', name: 'BMP' };
  }
  if (/^P[1-7][\s#]/.test(bytes.toString('latin1', 0, 3))) {
    return { kind: 'unsupported', name: 'Netpbm' };
  }
  return undefined;
}

function other(bytes: Buffer): Identity {
  const text = asText(bytes);
  if (text !== undefined) return ofText(text);
  const signature = OTHERS.find(({ at, bytes: magic }) => startsWith(bytes, magic, at));
  if (signature !== undefined) return { kind: 'other', detail: signature.name };
  const beginning = bytes.toString('hex', 0, 8);
  return { kind: 'other', detail: `unknown data beginning with ${beginning}` };
}

/** The beginning, without what may precede markup, when it is text in UTF-8 or UTF-16. */
function asText(bytes: Buffer): string | undefined {
  const head = bytes.subarray(0, TEXT_READ);
  const bigEndian = startsWith(head, '\xFE\xFF');
  if (bigEndian || startsWith(head, '\xFF\xFE')) {
    const even = Buffer.from(head.subarray(0, head.length & ~1));
    return (bigEndian ? even.swap16() : even).toString('utf16le').slice(1).trimStart();
  }
  const text = head.toString('utf8').replace(/^\uFEFF/, '');
  // Binary files have control characters early; no text has them.
  // oxlint-disable-next-line no-control-regex
  return /[\0-\x08\x0E-\x1A\x1C-\x1F\uFFFD]/.test(text.slice(0, 512))
    ? undefined
    : text.trimStart();
}

function ofText(text: string): Identity {
  if (text.startsWith('<')) {
    if (/<!doctype html|<html/i.test(text)) return { kind: 'other', detail: 'an HTML page' };
    if (/<(?:\w+:)?svg[\s/>]/i.test(text)) return { kind: 'unsupported', name: 'SVG' };
    return { kind: 'other', detail: 'an XML document, as stores answer for errors' };
  }
  if (/^[{[]/.test(text)) return { kind: 'other', detail: 'JSON' };
  if (text === '') return { kind: 'other', detail: 'nothing but white space' };
  return { kind: 'other', detail: `text beginning with ${JSON.stringify(text.slice(0, 24))}` };
}

function startsWith(bytes: Buffer, magic: string, at = 0): boolean {
  return (
    bytes.length >= at + magic.length && bytes.toString('latin1', at, at + magic.length) === magic
  );
}
