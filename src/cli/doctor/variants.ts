/** The bucket that instances share variants in: it has to be written as well. */
import type { Config } from '../../config/load.ts';
import type { S3Address } from '../../config/stores.ts';
import { AvatarError } from '../../errors.ts';
import { PLAIN_STYLE } from '../../http/headers.ts';
import { openVariantStore } from '../../sharing.ts';
import { detailOf } from '../attempt.ts';
import { broken, type Finding, ok } from './finding.ts';
import { checkStore } from './stores.ts';

/** No avatar's. */
const KEY = 'doctor';
const VARIANT = {
  bytes: Buffer.alloc(0),
  format: 'png',
  asked: 'png',
  etag: 'png0-0-doctor',
  lastModified: new Date(0),
} as const;
/** No object has it, so that nothing is written: who may not write is told so all the same. */
const NO_VERSION = '00000000000000000000000000000000';

/** What it would say, the checks of the bucket say. */
const SILENT = { warn: () => undefined };

export async function checkVariants(
  address: S3Address,
  config: Config,
  signal: AbortSignal,
): Promise<Finding[]> {
  const findings = await checkStore(address, config, signal);
  if (findings.some(({ state }) => state === 'broken')) return findings;
  const store = await openVariantStore(address, config, { style: PLAIN_STYLE }, SILENT);
  const check = `AVATAR_VARIANTS ${store.name}`;
  try {
    await store.describe(KEY, signal);
    await store.put(KEY, VARIANT, { instead: NO_VERSION, signal });
    return [...findings, ok(check, 'can be read and written')];
  } catch (error) {
    signal.throwIfAborted();
    const mend = detailOf(AvatarError.from(error));
    return [...findings, broken(check, 'cannot be read and written', mend)];
  } finally {
    store.close();
  }
}
