/** The bucket that instances share variants in: it has to be written as well. */
import { randomUUID } from 'node:crypto';
import type { Config } from '../../config/load.ts';
import type { S3Address } from '../../config/stores.ts';
import { AvatarError } from '../../errors.ts';
import { PLAIN_STYLE } from '../../http/headers.ts';
import { openVariantStore } from '../../sharing.ts';
import { failed, type Finding, ok, warning } from './finding.ts';
import { checkStore } from './stores.ts';

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
  // Nobody's, whatever else is in the bucket.
  const key = `doctor-${randomUUID()}`;
  try {
    await store.describe(key, signal);
    const outcome = await store.tryToPut(key, signal);
    if (outcome === 'refused') return [...findings, ok(check, 'can be read and written')];
    const says = 'does not check what it is sent, and so has kept the object of this check';
    return [...findings, warning(check, says, `remove ${store.name}/${key}`)];
  } catch (error) {
    signal.throwIfAborted();
    return [...findings, failed(check, 'cannot be read and written', AvatarError.from(error))];
  } finally {
    store.close();
  }
}
