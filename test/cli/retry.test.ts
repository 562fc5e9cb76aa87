import { expect, it } from 'vitest';
import { CommonTrouble, withRetries } from '../../src/cli/retry.ts';
import { AvatarError } from '../../src/errors.ts';

const { signal: never } = new AbortController();
const PAUSES_MS = [1, 1, 1];
const PASSING = new AvatarError('originals_unavailable');

/** Work that fails so often, and how often it was tried. */
function failing(error: AvatarError, times: number) {
  let tries = 0;
  return {
    work: async (): Promise<string> => {
      tries += 1;
      if (tries <= times) throw error;
      return 'done';
    },
    tries: () => tries,
  };
}

it('what fails for a reason that passes is tried again, once after each pause', async () => {
  const { work, tries } = failing(PASSING, 3);
  expect(await withRetries(never, work, PAUSES_MS)).toBe('done');
  expect(tries()).toBe(4);
  await expect(withRetries(never, failing(PASSING, 4).work, PAUSES_MS)).rejects.toBe(PASSING);
});

it.each([
  ['for good', new AvatarError('original_corrupt')],
  ['after it was tried again elsewhere', new CommonTrouble(PASSING)],
])('what fails %s is tried once', async (_how, error) => {
  const { work, tries } = failing(error, 1);
  await expect(withRetries(never, work, PAUSES_MS)).rejects.toBe(error);
  expect(tries()).toBe(1);
});

it('who leaves during a pause does not wait for its end', async () => {
  const leaving = new AbortController();
  const waiting = withRetries(leaving.signal, failing(PASSING, 1).work, [60_000]);
  leaving.abort();
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
});
