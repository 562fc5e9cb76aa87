import { describe, expect, it } from 'vitest';
import { attempt } from '../../src/cli/attempt.ts';
import { CommonTrouble } from '../../src/cli/retry.ts';
import { AvatarError } from '../../src/errors.ts';

const { signal: never } = new AbortController();

function failing(error: AvatarError): () => Promise<never> {
  return async () => {
    throw error;
  };
}

describe('an attempt at an avatar', () => {
  it('is done, or gives nothing where there was no work', async () => {
    expect(await attempt(never, () => Promise.resolve(7))).toEqual({ kind: 'done', done: 7 });
    expect(await attempt(never, () => Promise.resolve(undefined))).toBeUndefined();
  });

  it.each(['original_corrupt', 'avatar_missing', 'render_timeout', 'animation_too_slow'] as const)(
    'that ends with %s is the avatar’s fault',
    async (code) => {
      const error = new AvatarError(code);
      expect(await attempt(never, failing(error))).toEqual({ kind: 'broken', error });
    },
  );

  it('that is refused may be of one object, unless all are refused', async () => {
    const error = new AvatarError('originals_access_denied');
    const own = { kind: 'unanswered', error, mayBeItsOwn: true };
    expect(await attempt(never, failing(error))).toEqual(own);
    const common = await attempt(never, failing(new CommonTrouble(error)));
    expect(common).toMatchObject({ kind: 'unanswered', mayBeItsOwn: false });
  });

  it('that was called off is none', async () => {
    const gone = AbortSignal.abort(new Error('called off'));
    const failure = failing(new AvatarError('original_corrupt'));
    await expect(attempt(gone, failure)).rejects.toThrow('called off');
  });
});
