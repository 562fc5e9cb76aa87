import { describe, expect, it } from 'vitest';
import { refusal, refusalCode } from './support.ts';
import { fileType } from '../support/pictures.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('what is no image', () => {
  it.each([
    ['empty (0 bytes)', Buffer.alloc(0)],
    ['an HTML page', latin1('<!DOCTYPE html><title>Not found</title>')],
    ['an HTML page', Buffer.from('\uFEFF\r\n  <html><svg></svg></html>')],
    ['an XML document', latin1('<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>')],
    ['JSON', latin1('{"error":"gone"}')],
    ['text beginning with "Not a pict', latin1('Not a picture')],
    ['nothing but white space', latin1(' \n\n ')],
    ['gzip data', latin1('\x1F\x8B\x08\0\0\0')],
    ['a ZIP archive', latin1('PK\x03\x04\x14\0')],
    ['an AVI video', latin1('RIFF\0\0\0\0AVI LIST')],
    ['a RIFF file', latin1('RIFF\0\0\0\0WAVEfmt ')],
    ['an MP4 or QuickTime file of brand "isom"', fileType('isom', 'isom', 'mp41')],
    ['unknown data beginning with 0102030400000000', Buffer.from([1, 2, 3, 4, 0, 0, 0, 0])],
  ])('is refused as %s', (detail, bytes) => {
    const error = refusal(bytes);
    expect(error?.code).toBe('original_not_an_image');
    expect(error?.detail).toContain(detail);
  });

  it('is told from markup in UTF-16 too', () => {
    const page = Buffer.concat([latin1('\xFF\xFE'), Buffer.from('<html>', 'utf16le')]);
    expect(refusal(page)?.detail).toContain('an HTML page');
    expect(refusal(Buffer.concat([latin1('\xFE\xFF'), Buffer.from([0x3c])]))?.code).toBe(
      'original_not_an_image',
    );
  });
});

describe('an image of a format not served', () => {
  it.each([
    ['SVG', latin1('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['SVG', latin1('<?xml version="1.0"?>\n<!-- a logo -->\n<svg:svg/>')],
    ['SVG', Buffer.concat([latin1('\xFF\xFE'), Buffer.from('<svg >', 'utf16le')])],
    ['TIFF', latin1('II*\0\x08\0\0\0')],
    ['TIFF', latin1('MM\0*\0\0\0\x08')],
    ['BMP', latin1('BM\x46\0\0\0\0\0\0\0\x36\0\0\0')],
    ['Windows icon', latin1('\0\0\x01\0\x01\0')],
    ['Photoshop document', latin1('8BPS\0\x01')],
    ['PDF', latin1('%PDF-1.7\n')],
    ['JPEG XL', latin1('\xFF\x0A\0\0')],
    ['JPEG XL', latin1('\0\0\0\x0CJXL \r\n\x87\n')],
    ['JPEG 2000', latin1('\0\0\0\x0CjP  \r\n\x87\n')],
    ['Netpbm', latin1('P6\n1 1\n255\n\0\0\0')],
    ['HEIC', fileType('heic', 'mif1', 'heic')],
    ['HEIC', fileType('mif1', 'mif1', 'heic')],
    ['AVIF image sequence', fileType('avis', 'avis', 'avif', 'msf1')],
  ])('is refused and named %s', (name, bytes) => {
    const error = refusal(bytes);
    expect(error?.code).toBe('original_unsupported');
    expect(error?.detail).toContain(name);
  });
});

describe('a damaged signature', () => {
  it('of a PNG is told from no PNG', () => {
    expect(refusalCode(latin1('\x89PNG\n\x1A\n\0\0\0\x0DIHDR'))).toBe('original_corrupt');
    expect(refusalCode(latin1('\x89PNX\r\n\x1A\n'))).toBe('original_not_an_image');
  });

  it('of any served format ends where the format needs more', () => {
    expect(refusalCode(latin1('\x89PNG\r\n\x1A\n'))).toBe('original_corrupt');
    expect(refusalCode(latin1('\xFF\xD8'))).toBe('original_corrupt');
    expect(refusalCode(latin1('GIF89a'))).toBe('original_corrupt');
    expect(refusalCode(latin1('RIFF\x04\0\0\0WEBP'))).toBe('original_corrupt');
    expect(refusalCode(fileType('avif', 'avif'))).toBe('original_corrupt');
  });
});
