import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { AvatarError } from '../../src/errors.ts';
import { readBody } from '../../src/s3/body.ts';
import { never } from '../originals/store-suite.ts';

const LIMITS = { maxBytes: 10, stallMs: 10_000, signal: never, what: 's3://b/k' };

/** A body of which `text` has come, and more is to come. */
function unfinished(text: string): PassThrough {
  const body = new PassThrough();
  body.write(text);
  return body;
}

describe('reading a body', () => {
  it('gives all of it', async () => {
    const body = unfinished('01234');
    body.end('56789');

    expect((await readBody(body, LIMITS))?.toString()).toBe('0123456789');
  });

  it('ends with who asked for it, before and while, and destroys the body', async () => {
    const controller = new AbortController();
    const limits = { ...LIMITS, signal: controller.signal };
    const body = unfinished('01234');
    const reading = readBody(body, limits);
    controller.abort('left');

    await expect(reading).rejects.toBe('left');
    expect(body.destroyed).toBe(true);

    const late = unfinished('01234');
    await expect(readBody(late, limits)).rejects.toBe('left');
    expect(late.destroyed).toBe(true);
    // Not only once nothing has come for too long.
  }, 2000);

  it.each([
    ['nothing comes', 'originals_timeout', unfinished('01234'), { stallMs: 20 }],
    ['it breaks', 'originals_bad_reply', unfinished('0').destroy(), {}],
  ])('fails when %s, with %s, and destroys the body', async (_when, code, body, limits) => {
    await expect(readBody(body, { ...LIMITS, ...limits })).rejects.toMatchObject({ code });
    expect(body.destroyed).toBe(true);
  });

  it('waits until there is room, and hears then that the connection broke meanwhile', async () => {
    const room = Promise.withResolvers<void>();
    const asked: number[] = [];
    const claim = (bytes: number): Promise<void> => {
      asked.push(bytes);
      return room.promise;
    };
    const sound = unfinished('01234');
    const broken = unfinished('01234');
    const reading = readBody(sound, { ...LIMITS, length: 7, stallMs: 20, claim });
    const failing = readBody(broken, { ...LIMITS, claim });
    broken.destroy(new Error('ECONNRESET'));
    await new Promise((resolve) => setTimeout(resolve, 60));
    sound.end('56');
    room.resolve();

    expect((await reading)?.toString()).toBe('0123456');
    await expect(failing).rejects.toMatchObject({ code: 'originals_bad_reply' });
    // Without a length in the header, the most there may be.
    expect(asked).toEqual([7, 10]);
  });

  it('destroys the body when its reader leaves before there is room', async () => {
    const leaving = new AbortController();
    const body = unfinished('01234');
    const claim = (_bytes: number, signal: AbortSignal): Promise<void> =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const reading = readBody(body, { ...LIMITS, signal: leaving.signal, claim });
    leaving.abort(new Error('left'));
    await expect(reading).rejects.toThrow('left');
    expect(body.destroyed).toBe(true);
  });

  it('destroys the body when there is no room, nor will be soon', async () => {
    const body = unfinished('01234');
    const claim = (): Promise<void> => Promise.reject(new AvatarError('overloaded'));
    await expect(readBody(body, { ...LIMITS, claim })).rejects.toMatchObject({
      code: 'overloaded',
    });
    expect(body.destroyed).toBe(true);
  });

  it('gives nothing when too much comes, and destroys the body', async () => {
    const body = unfinished('0123456789A');

    expect(await readBody(body, LIMITS)).toBeUndefined();
    expect(body.destroyed).toBe(true);
  });
});
