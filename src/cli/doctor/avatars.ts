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
import { broken, type Finding, hint, ok, warning } from './finding.ts';

type Sample = { readonly findings: readonly Finding[]; readonly original?: Original };

const CHECK = 'avatars';
const SAMPLE = 5;
/** Of stores that cannot be asked. */
export const NO_SAMPLE: Sample = {
  findings: [hint(CHECK, 'none was looked for', 'mend the stores first')],
};
/** Of what is no avatar so much is passed over, and no more. */
const LOOKED_AT = 2000;

export async function checkAvatars(config: Config, signal: AbortSignal): Promise<Sample> {
  const walk = await openWalk(config, {});
  const stores = await openStores(config.originals, config);
  try {
    const { avatars, passedOver } = await takeFirst(walk, signal);
    if (avatars.length === 0) return { findings: [nothingFound(config, passedOver)] };
    return await readAll(avatars, stores, signal);
  } catch (thrown) {
    signal.throwIfAborted();
    return { findings: [cannotWalk(AvatarError.from(thrown))] };
  } finally {
    for (const store of stores) store.close();
    await walk.close();
  }
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

function nothingFound({ locator }: Config, passedOver: number): Finding {
  if (locator.kind === 'discourse') {
    return hint(CHECK, 'no user has one', 'have one user upload an avatar, to see it served');
  }
  return passedOver === 0
    ? warning(
        CHECK,
        'the stores hold nothing where AVATAR_LOCATOR looks',
        'correct the bucket, its prefix or the beginning of the template',
      )
    : broken(
        CHECK,
        `none of the first ${passedOver} keys is one by AVATAR_LOCATOR`,
        'write the template as the keys are: AVATAR_LOCATOR=template:…/{host}/{user}/{id}',
      );
}

function cannotWalk(error: AvatarError): Finding {
  const says = 'none could be looked for';
  // What keeps from looking has been found by the checks of that itself.
  return hint(CHECK, says, detailOf(error));
}

async function readAll(
  avatars: readonly CurrentAvatar[],
  stores: readonly OriginalStore[],
  signal: AbortSignal,
): Promise<Sample> {
  const failures: AvatarError[] = [];
  let original: Original | undefined;
  let found = 0;
  for (const { keys } of avatars) {
    try {
      const read = await readInTurn(stores, keys, { signal });
      if (read !== undefined && read !== 'unchanged') {
        found += 1;
        original ??= read;
      }
    } catch (error) {
      signal.throwIfAborted();
      failures.push(AvatarError.from(error));
    }
  }
  const findings = [judge(avatars, found, failures)];
  return original === undefined ? { findings } : { findings, original };
}

function judge(
  avatars: readonly CurrentAvatar[],
  found: number,
  failures: readonly AvatarError[],
): Finding {
  const of = `${avatars.length} looked for`;
  const trouble = failures.find((each) => !isOfTheAvatar(each));
  if (trouble !== undefined) {
    return broken(CHECK, `of ${of}, some cannot be read`, detailOf(trouble));
  }
  const [verdict] = failures;
  if (verdict !== undefined) {
    const says = `of ${of}, ${failures.length} cannot be served: ${detailOf(verdict)}`;
    return warning(CHECK, says, 'run avatar-proxy audit, which lists all such');
  }
  if (found === avatars.length) return ok(CHECK, `all ${of} are there`);
  const key = avatars[0]?.keys[0] ?? 'none';
  return found === 0
    ? broken(
        CHECK,
        `of ${of}, none is in the stores (first key: ${key})`,
        'name in AVATAR_ORIGINALS the bucket and prefix where the uploads are now',
      )
    : warning(CHECK, `of ${of}, ${found} are in the stores`, 'run avatar-proxy audit');
}
