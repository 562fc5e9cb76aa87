/** A few real avatars: are their originals where the service will look for them. */
import type { Original } from '../../avatar/ports.ts';
import type { Config } from '../../config/load.ts';
import { AvatarError } from '../../errors.ts';
import type { CurrentAvatar, Walk } from '../../locator/walk.ts';
import { readInTurn } from '../../originals/in-turn.ts';
import type { OriginalStore } from '../../originals/store.ts';
import { openStores } from '../../stores.ts';
import { detailOf, isOfTheAvatar } from '../attempt.ts';
import { openWalk } from '../selection.ts';
import { broken, failed, type Finding, hint, ok, warning } from './finding.ts';

type Sample = { readonly findings: readonly Finding[]; readonly original?: Original };

const CHECK = 'avatars';
const SAMPLE = 5;
/** Of stores that cannot be asked. */
export const NO_SAMPLE: Sample = {
  findings: [hint(CHECK, 'none was looked for', 'mend the stores first')],
};
/** Of what is no avatar so much is passed over, and no more. */
const LOOKED_AT = 2000;

/** Each asks its own database, all at once. */
const MOST_SITES = 20;

export async function checkAvatars(config: Config, signal: AbortSignal): Promise<Sample> {
  const sites = sitesOf(config);
  const stores = await openStores(config.originals, config);
  try {
    const looking = sites
      .slice(0, MOST_SITES)
      .map((site) => checkSite({ config, stores, site }, signal));
    // Who fails for being stopped still reads from the stores.
    await Promise.allSettled(looking);
    const samples = await Promise.all(looking);
    const original = samples.find((sample) => sample.original !== undefined)?.original;
    const findings = samples.flatMap((sample) => sample.findings);
    const left = sites.length - samples.length;
    if (left > 0) findings.push(notLookedFor(left));
    return original === undefined ? { findings } : { findings, original };
  } finally {
    for (const store of stores) store.close();
  }
}

type Part = {
  readonly config: Config;
  readonly stores: readonly OriginalStore[];
  /** Undefined where all avatars are looked at as one. */
  readonly site: string | undefined;
};

function sitesOf({ locator }: Config): ReadonlyArray<string | undefined> {
  const names = locator.kind === 'discourse' ? locator.sites.sites.map(({ name }) => name) : [];
  return names.length > 1 ? names : [undefined];
}

function checkOf({ site }: Part): string {
  return site === undefined ? CHECK : `${CHECK} of ${site}`;
}

function auditOf({ site }: Part): string {
  return site === undefined ? 'avatar-proxy audit' : `avatar-proxy audit --site ${site}`;
}

async function checkSite(part: Part, signal: AbortSignal): Promise<Sample> {
  const walk = await openWalk(part.config, { site: part.site });
  try {
    const { avatars, passedOver } = await takeFirst(walk, signal);
    if (avatars.length === 0) return { findings: [nothingFound(part, passedOver)] };
    return await readAll(avatars, part, signal);
  } catch (thrown) {
    signal.throwIfAborted();
    return { findings: [cannotWalk(part, AvatarError.from(thrown))] };
  } finally {
    await walk.close();
  }
}

function notLookedFor(left: number): Finding {
  const says = `none of ${left} more forums were looked for`;
  return hint(CHECK, says, 'run avatar-proxy audit --site NAME for each of them');
}

async function takeFirst(
  walk: Walk,
  signal: AbortSignal,
): Promise<{ avatars: CurrentAvatar[]; passedOver: number }> {
  const avatars: CurrentAvatar[] = [];
  let passedOver = 0;
  for await (const { avatar } of walk.steps(undefined, signal)) {
    if (avatar === undefined) passedOver += 1;
    else avatars.push(avatar);
    if (avatars.length === SAMPLE || passedOver === LOOKED_AT) break;
  }
  return { avatars, passedOver };
}

function nothingFound(part: Part, passedOver: number): Finding {
  const { locator } = part.config;
  const check = checkOf(part);
  if (locator.kind === 'discourse') {
    return hint(check, 'no user has one', 'have one user upload an avatar, to see it served');
  }
  return passedOver === 0
    ? warning(
        check,
        'the stores hold nothing where AVATAR_LOCATOR looks',
        'correct the bucket, its prefix or the beginning of the template',
      )
    : broken(
        check,
        `none of the first ${passedOver} keys is one by AVATAR_LOCATOR`,
        'write the template as the keys are: AVATAR_LOCATOR=template:…/{host}/{user}/{id}',
      );
}

function cannotWalk(part: Part, error: AvatarError): Finding {
  const says = 'none could be looked for';
  // What keeps from looking has been found by the checks of that itself.
  return hint(checkOf(part), says, detailOf(error));
}

async function readAll(
  avatars: readonly CurrentAvatar[],
  part: Part,
  signal: AbortSignal,
): Promise<Sample> {
  const failures: AvatarError[] = [];
  let original: Original | undefined;
  let found = 0;
  for (const { keys } of avatars) {
    try {
      const read = await readInTurn(part.stores, keys, { signal });
      if (read !== undefined && read !== 'unchanged') {
        found += 1;
        original ??= read;
      }
    } catch (error) {
      signal.throwIfAborted();
      failures.push(AvatarError.from(error));
    }
  }
  const findings = [judge(part, avatars, found, failures)];
  return original === undefined ? { findings } : { findings, original };
}

function judge(
  part: Part,
  avatars: readonly CurrentAvatar[],
  found: number,
  failures: readonly AvatarError[],
): Finding {
  const check = checkOf(part);
  const of = `${avatars.length} looked for`;
  const trouble = failures.find((each) => !isOfTheAvatar(each));
  if (trouble !== undefined) {
    return failed(check, `of ${of}, some cannot be read`, trouble);
  }
  const [verdict] = failures;
  if (verdict !== undefined) {
    const says = `of ${of}, ${failures.length} cannot be served: ${detailOf(verdict)}`;
    return warning(check, says, `run ${auditOf(part)}, which lists all such`);
  }
  if (found === avatars.length) return ok(check, `all ${of} are there`);
  const key = avatars[0]?.keys[0] ?? 'none';
  return found === 0
    ? broken(
        check,
        `of ${of}, none is in the stores (first key: ${key})`,
        `name in AVATAR_ORIGINALS the bucket and prefix where the uploads are now${keyPrefixOf(part)}`,
      )
    : warning(check, `of ${of}, ${found} are in the stores`, `run ${auditOf(part)}`);
}

function keyPrefixOf({ site }: Part): string {
  return site === undefined ? '' : `, or correct the keyPrefix of ${site} in AVATAR_SITES`;
}
