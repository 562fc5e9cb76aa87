/** `avatar-proxy publish`: variants made before anybody asks for them. */
import pino from 'pino';
import { type Config, loadConfig } from '../config/load.ts';
import { AvatarError } from '../errors.ts';
import { type Forum, openForum } from '../forum.ts';
import type { CurrentAvatar, Walk } from '../locator/walk.ts';
import { PROFILE_VERSIONS } from '../render/profiles.ts';
import { openVariantStore, sharedAddressOf } from '../sharing.ts';
import { SMALLEST_SIZE } from '../vocabulary/request.ts';
import { type Attempt, attempt, detailOf } from './attempt.ts';
import type { Call, Command } from './command.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { Journal } from './journal.ts';
import { askFor, keysLeft } from './original.ts';
import type { Output } from './output.ts';
import { DEFAULT_RATE, openParts } from './parts.ts';
import { count } from './progress.ts';
import { type NamedAvatar, type Published, Publisher } from './publisher.ts';
import { openWalk, readSelection, SELECTION_OPTIONS, storesOf } from './selection.ts';
import { IN_VAIN, isInVain, PASSED_OVER, visitAll, VISITED } from './visit-all.ts';
import {
  checkWalk,
  DEFAULT_FILE,
  readPublishOptions,
  type PublishOptions,
} from './publish-options.ts';

const WHAT_IS_PASSED_OVER =
  'were passed over: keys of no avatar or hidden by another, or hosts not served here';

/** What goes wrong is thrown here as well. */
const SILENT = pino({ level: 'silent' });

export const publish: Command = {
  name: 'publish',
  summary: 'render all sizes of all avatars into AVATAR_VARIANTS, ahead of the first visitor',
  details: [
    'Walks all current avatars, or those selected, and renders each listed size that is not in the shared\n' +
      'store or was made from another original. What is there and fresh is left as it is.',
    'Exit code 0 when all are published, 1 when some avatars are broken or there was none to look at (with\n' +
      '--since and in a young forum there may be none), 2 when it could not go on. Run it again to go on\n' +
      'where it was stopped, by whatever.',
  ],
  options: {
    sizes: { value: 'LIST', description: "sizes to render, as in '24 48'; default: those listed" },
    formats: {
      value: 'LIST',
      description: "formats besides those of .png addresses, as in 'webp avif'",
    },
    host: {
      value: 'NAME',
      description: "the host in the avatars' addresses, where nothing tells it",
    },
    state: {
      value: 'FILE',
      description: `says how far it is, until it is done; default ${DEFAULT_FILE}`,
    },
    rate: {
      value: 'N',
      description: `originals read a second at the most; default ${DEFAULT_RATE}`,
    },
    ...SELECTION_OPTIONS,
  },
  async run(call): Promise<ExitCode> {
    const { values, variables } = call;
    const config = await loadConfig(variables);
    const options = readPublishOptions(config, values);
    const walk = await openWalk(config, readSelection(values), options.host);
    try {
      checkWalk(walk, options, values);
      return await publishAll(config, walk, options, call);
    } finally {
      await walk.close();
    }
  },
};

async function publishAll(
  config: Config,
  walk: Walk,
  options: PublishOptions,
  { output, signal }: Call,
): Promise<ExitCode> {
  const { store: address, sizes, formats, state, rate } = options;
  const places = [storesOf(config), storesOf({ originals: [address] }), config.basePath];
  const made = [sizes, formats, PROFILE_VERSIONS];
  const of = JSON.stringify(['publish', places, made, walk.name]);
  await using opened = new AsyncDisposableStack();
  const journal = await Journal.open({ file: state, of, option: '--state' });
  opened.defer(() => journal.close());
  const forum = await openForum(config, SILENT);
  opened.defer(() => forum.close());
  const store = await openVariantStore(address, config, forum, SILENT);
  opened.defer(() => store.close());
  const parts = await openParts(config, { rate, output });
  opened.defer(() => parts.close());
  const publisher = new Publisher(
    { ...parts, store },
    {
      addressOf: (request) => sharedAddressOf(request, forum),
      profiles: PROFILE_VERSIONS,
      format: config.format,
      formats,
    },
  );
  const visit = async (avatar: CurrentAvatar): Promise<Published | undefined> => {
    const named = addressed(avatar, config, forum);
    if (named === undefined) return undefined;
    const keys = await keysLeft(named, parts.originals, signal);
    if (keys === undefined) return undefined;
    const own = sizes ?? (await sizesOf(named, forum));
    return await publisher.publish({ ...named, keys }, own, signal);
  };
  let stored = 0;
  const startedAt = performance.now();
  await Promise.all([parts.probe(signal), store.probe(signal)]);
  await visitAll({
    walk,
    journal,
    output,
    signal,
    atOnce: parts.atOnce,
    visit: (avatar) => attempt(signal, () => visit(avatar)),
    ask: (avatar) => attempt(signal, () => askFor(avatar, parts.originals, signal)),
    record: (avatar, result) => {
      if (result.kind === 'done') stored += result.done.stored;
      record(journal, output, avatar, result);
      return undefined;
    },
    remark: () => `${count(journal.counts.get('stored') ?? 0)} rendered`,
  });
  const seconds = (performance.now() - startedAt) / 1000;
  await journal.remove();
  return summarise(
    journal,
    { perSecond: stored / seconds, inVain: isInVain(journal, walk) },
    output,
  );
}

/** @returns undefined for an avatar to which no address leads that is served here */
function addressed(
  avatar: CurrentAvatar,
  { hosts }: Config,
  { grammar }: Forum,
): NamedAvatar | undefined {
  const { host, site, user, id } = avatar;
  if (host === undefined || user === '' || id === '') return undefined;
  if (hosts?.has(host) === false) return undefined;
  // What --host says may be the host of another forum.
  const leadsTo = grammar.parse(`${host}/any/${SMALLEST_SIZE}/1.png`);
  return leadsTo.site === site ? { ...avatar, host } : undefined;
}

/** Those the forum shows. */
async function sizesOf(
  { site, host, user, id }: NamedAvatar,
  { sizes }: Forum,
): Promise<readonly number[]> {
  const { listed } = await sizes.policyOf({
    site,
    host,
    user,
    id,
    size: SMALLEST_SIZE,
    extension: 'png',
  });
  if (listed === undefined) {
    throw new AvatarError('directory_unavailable', { detail: 'its sizes are not known yet' });
  }
  return listed;
}

function record(
  journal: Journal,
  output: Output,
  { site, user, id }: CurrentAvatar,
  result: Attempt<Published>,
): void {
  if (result.kind === 'done') {
    for (const [name, number] of Object.entries(result.done)) journal.count(name, number);
    return;
  }
  const { code: cause } = result.error;
  const detail = detailOf(result.error);
  journal.count('broken');
  output.tell(
    { event: 'broken', site, user, id, cause, detail },
    `${user} (${id}) cannot be published: ${cause}: ${detail}`,
  );
}

/** @param perSecond of this run, which may have gone on from another */
function summarise(
  { counts }: Journal,
  { perSecond, inVain }: { readonly perSecond: number; readonly inVain: boolean },
  output: Output,
): ExitCode {
  const of = (name: string): number => counts.get(name) ?? 0;
  const [stored, fresh] = [of('stored'), of('fresh')];
  const [bytes, leftOut] = [of('bytes'), of('leftOut')];
  const [avatars, broken, passedOver] = [of(VISITED), of('broken'), of(PASSED_OVER)];
  output.tell(
    {
      event: 'end',
      avatars,
      stored,
      fresh,
      bytes,
      leftOut,
      broken,
      passedOver,
      rendersPerSecond: Math.round(perSecond * 10) / 10,
    },
    [
      `${count(avatars)} avatars, ${count(broken)} of them broken`,
      `${count(stored)} variants rendered and stored, ${(bytes / 1e6).toFixed(1)} MB, ${perSecond.toFixed(0)} a second`,
      `${count(fresh)} were there and fresh`,
      ...(leftOut === 0 ? [] : [`${count(leftOut)} cannot be kept there`]),
      ...(passedOver === 0 ? [] : [`${count(passedOver)} ${WHAT_IS_PASSED_OVER}`]),
      ...(inVain ? [IN_VAIN] : []),
    ].join('\n'),
  );
  return broken === 0 && !inVain ? EXIT.ok : EXIT.findings;
}
