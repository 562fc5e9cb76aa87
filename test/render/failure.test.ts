import { describe, expect, it } from 'vitest';
import { failureOf } from '../../src/render/failure.ts';
import { TooSlow } from '../../src/render/transform.ts';

describe('a picture that could not be rendered', () => {
  it.each([
    ['is refused', 'VipsJpeg: premature end of JPEG image'],
    ['is refused', 'Input buffer has corrupt header: pngload_buffer: IDAT: CRC error'],
    ['is refused', 'pngload_buffer: text chunk: out of memory'],
    ['is refused', 'VipsJpeg: Insufficient memory (case 4)'],
    ['has failed', 'Input buffer has corrupt header: vips_tracked: out of memory -- size == 34MB'],
    ['has failed', 'vips_malloc: out of memory -- size == 1MB'],
    ['has failed', 'vips_g_thread_new: unable to create thread'],
  ])('%s for “%s”', (what, message) => {
    const kind = failureOf(new Error(message), { kind: 'picture' });
    expect(kind).toBe(what === 'is refused' ? 'refused' : 'failed');
  });

  it('has failed by a mistake of ours, a letter by any, and is too slow for want of time', () => {
    expect(failureOf(new TypeError('undefined'), { kind: 'picture' })).toBe('failed');
    expect(failureOf(new Error('anything'), { kind: 'letter' })).toBe('failed');
    expect(failureOf(new TooSlow('timeout'), { kind: 'picture' })).toBe('too_slow');
  });
});
