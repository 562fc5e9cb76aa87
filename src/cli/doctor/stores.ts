/** Each store by itself: can it be reached, as whom, and is it where the configuration says. */
import type { Config } from '../../config/load.ts';
import type { S3Address, StoreAddress } from '../../config/stores.ts';
import { AvatarError } from '../../errors.ts';
import type { S3Diagnosis } from '../../s3/diagnosis.ts';
import { openStores, originalsSettings } from '../../stores.ts';
import { detailOf } from '../attempt.ts';
import { broken, failed, type Finding, hint, ok, warning } from './finding.ts';

const WORTH_A_WARNING_MS = 60_000;

export async function checkStore(
  address: StoreAddress,
  config: Config,
  signal: AbortSignal,
): Promise<Finding[]> {
  if (address.kind === 'folder') return [await checkFolder(address, config, signal)];
  const { diagnoseS3 } = await import('../../s3/diagnosis.ts');
  return judgeS3(address, await diagnoseS3(originalsSettings(address, config), signal));
}

async function checkFolder(
  address: StoreAddress & { readonly kind: 'folder' },
  config: Config,
  signal: AbortSignal,
): Promise<Finding> {
  const [store] = await openStores([address], config);
  const name = `file:${address.directory}`;
  try {
    await store?.probe(signal);
    return ok(name, 'can be read');
  } catch (error) {
    signal.throwIfAborted();
    return broken(name, 'cannot be read', detailOf(AvatarError.from(error)));
  }
}

function judgeS3(address: S3Address, diagnosis: S3Diagnosis): Finding[] {
  const name = `s3://${address.bucket}`;
  return [
    judgeCredentials(name, diagnosis),
    ...judgeListing(name, address, diagnosis),
    ...judgeRegion(name, address, diagnosis),
    ...judgeClock(name, diagnosis),
    ...judgeAcceleration(name, address, diagnosis),
  ];
}

function judgeCredentials(name: string, { credentials }: S3Diagnosis): Finding {
  const check = `${name} credentials`;
  if (credentials instanceof AvatarError) {
    return broken(check, 'there are none', detailOf(credentials));
  }
  const { accessKeyId, source, caller } = credentials;
  const as = caller === undefined ? '' : `, which is ${caller}`;
  return ok(check, `${accessKeyId} from ${source}${as}`);
}

function judgeListing(
  name: string,
  { bucket }: S3Address,
  { listing, credentials }: S3Diagnosis,
): Finding[] {
  if (listing === 'granted') return [ok(name, 'can be reached and listed')];
  if (listing === 'refused') {
    return [
      warning(
        `${name} ListBucket`,
        'is not granted: a missing avatar cannot be told from a forbidden one',
        `allow s3:ListBucket on arn:aws:s3:::${bucket}`,
      ),
    ];
  }
  // It has been said already, of the credentials.
  if (credentials instanceof AvatarError) return [];
  return [failed(name, WHAT_IS_WRONG[listing.code] ?? 'cannot be used', listing)];
}

const WHAT_IS_WRONG: Readonly<Record<string, string>> = {
  originals_bucket_missing: 'is not there',
  originals_access_denied: 'refuses',
  originals_credentials: 'does not accept the credentials',
  originals_bad_reply: 'does not answer as S3 does',
  originals_unavailable: 'cannot be reached',
  originals_throttled: 'asks for fewer requests',
  originals_timeout: 'does not answer in time',
};

function judgeRegion(
  name: string,
  { variable }: S3Address,
  { region, listing }: S3Diagnosis,
): Finding[] {
  const { configured, actual } = region;
  if (actual === undefined || actual === configured) return [];
  const says = `the bucket is in ${actual}, configured is ${configured ?? 'none'}`;
  const mend = `say region=${actual} in ${variable}, or set AWS_REGION`;
  // Where it works all the same, each connection begins with a detour.
  return [(listing instanceof AvatarError ? broken : warning)(`${name} region`, says, mend)];
}

function judgeClock(name: string, { clockAheadMs }: S3Diagnosis): Finding[] {
  if (clockAheadMs === undefined) return [];
  const off = Math.abs(clockAheadMs);
  if (off < WORTH_A_WARNING_MS) return [];
  const says = `this machine's clock is ${Math.round(off / 1000)} s ${clockAheadMs > 0 ? 'ahead' : 'behind'}`;
  const why = 'what is signed 15 minutes off S3 refuses, and has to be signed again';
  return [warning(`${name} clock`, says, `synchronise the clock (NTP): ${why}`)];
}

function judgeAcceleration(
  name: string,
  { accelerate, variable }: S3Address,
  { acceleration }: S3Diagnosis,
): Finding[] {
  const check = `${name} acceleration`;
  if (acceleration === undefined) return [];
  if (!accelerate) {
    if (acceleration instanceof AvatarError) return [];
    return [ok(check, `is not asked for (of the bucket: ${acceleration})`)];
  }
  if (acceleration === 'Enabled') return [ok(check, 'is enabled')];
  if (acceleration instanceof AvatarError) {
    const mend = 'allow s3:GetAccelerateConfiguration, or look at the bucket’s properties';
    return [hint(check, `cannot be told: ${detailOf(acceleration)}`, mend)];
  }
  return [
    broken(
      check,
      `is asked for and not there (${acceleration})`,
      `take accelerate= out of ${variable}, or enable Transfer Acceleration of the bucket`,
    ),
  ];
}
