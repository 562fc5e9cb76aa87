import { describe, expect, it } from 'vitest';
import { orAbort } from '../../src/flow/abort.ts';

describe('orAbort', () => {
  it('settles as the work does while nobody aborts', async () => {
    const { signal } = new AbortController();

    await expect(orAbort(Promise.resolve(7), signal)).resolves.toBe(7);
    await expect(orAbort(Promise.reject(new Error('failed')), signal)).rejects.toThrow('failed');
  });

  it('leaves work that never ends', async () => {
    const controller = new AbortController();
    const leaving = orAbort(new Promise(() => undefined), controller.signal);

    controller.abort('the reason');

    await expect(leaving).rejects.toBe('the reason');
  });

  it('hands over what comes after everybody left', async () => {
    const late: string[] = [];
    const work = Promise.withResolvers<string>();
    const leaving = orAbort(work.promise, AbortSignal.abort('left'), (value) => late.push(value));

    await expect(leaving).rejects.toBe('left');
    work.resolve('a socket');
    await work.promise;

    expect(late).toEqual(['a socket']);
  });

  it('lets late failures go', async () => {
    const work = Promise.withResolvers<string>();
    const leaving = orAbort(work.promise, AbortSignal.abort('left'));

    await expect(leaving).rejects.toBe('left');
    work.reject(new Error('late'));

    await expect(work.promise).rejects.toThrow('late');
  });
});
