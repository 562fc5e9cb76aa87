/** The original of an avatar that a walk has come upon. */
import type { Originals } from '../avatar/ports.ts';
import { AvatarError } from '../errors.ts';
import type { CurrentAvatar } from '../locator/walk.ts';

/**
 * The keys of an avatar that are to be read. Skips an avatar that the walk also meets under an earlier key.
 * @returns undefined for one that is skipped
 * @throws AvatarError as `Originals.read` does, but for what it says of an original
 */
export async function keysLeft(
  { keys, met }: CurrentAvatar,
  originals: Originals,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const sooner = met?.sooner ?? [];
  if (await isUnder(sooner, originals, signal)) return undefined;
  return keys.filter((key) => !sooner.includes(key));
}

async function isUnder(
  keys: readonly string[],
  originals: Originals,
  signal: AbortSignal,
): Promise<boolean> {
  if (keys.length === 0) return false;
  try {
    const found = await originals.read(keys, { signal });
    if (found !== undefined && found !== 'unchanged') found.release?.();
    return found !== undefined;
  } catch (thrown) {
    signal.throwIfAborted();
    if (AvatarError.from(thrown).isVerdict) return true;
    throw thrown;
  }
}

/**
 * Asks for it as a request does, and leaves it at that: to see whether there are any answers.
 * @returns undefined for one that is skipped
 * @throws AvatarError as `Originals.read` does
 */
export async function askFor(
  avatar: CurrentAvatar,
  originals: Originals,
  signal: AbortSignal,
): Promise<'answered' | undefined> {
  const keys = await keysLeft(avatar, originals, signal);
  if (keys === undefined) return undefined;
  const found = await originals.read(keys, { signal });
  if (found !== undefined && found !== 'unchanged') found.release?.();
  return 'answered';
}

/** That there is none under any of its keys. */
export function missingUnder(keys: readonly string[]): AvatarError {
  const detail =
    keys.length === 0
      ? 'the upload is gone, or its URL is no use'
      : `in no store: ${keys.join(' ')}`;
  return new AvatarError('avatar_missing', { detail });
}
