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

  it.each([
    ['that is refused may be in trouble of its object', 'originals_access_denied', 'of an object'],
    ['that nobody has foreseen may be, when others are answered', 'internal', 'not told'],
    ['that finds no bucket is in trouble that is common', 'originals_bucket_missing', 'common'],
    ['that no credentials are good for, too', 'originals_credentials', 'common'],
  ] as const)('%s', async (_what, code, trouble) => {
    const error = new AvatarError(code);
    expect(await attempt(never, failing(error))).toEqual({ kind: 'unanswered', error, trouble });
  });

  it('that ends with what was tried again elsewhere is in trouble that is common', async () => {
    const refused = new CommonTrouble(new AvatarError('originals_access_denied'));
    expect(await attempt(never, failing(refused))).toMatchObject({ trouble: 'common' });
  });

  it('that was called off is none', async () => {
    const gone = AbortSignal.abort(new Error('called off'));
    const failure = failing(new AvatarError('original_corrupt'));
    await expect(attempt(gone, failure)).rejects.toThrow('called off');
  });
});
