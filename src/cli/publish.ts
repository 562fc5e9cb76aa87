/** `avatar-proxy publish`: variants made before anybody asks for them. */
import pino from 'pino';
import { type AskedFormat, type Extension, inMotion, isExtension } from '../avatar/formats.ts';
import { SMALLEST_SIZE } from '../avatar/request.ts';
import { type Config, loadConfig } from '../config/load.ts';
import { parseListedSizes } from '../config/lists.ts';
import { type Forum, openForum } from '../forum.ts';
import type { CurrentAvatar, Walk } from '../locator/walk.ts';
import { PROFILE_VERSIONS } from '../render/profiles.ts';
import { openVariantStore } from '../sharing.ts';
import { type Attempt, attempt, detailOf } from './attempt.ts';
import { type Call, type Command, UsageError, type Values } from './command.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { Journal } from './journal.ts';
import type { Output } from './output.ts';
import { openParts } from './parts.ts';
import { count } from './progress.ts';
import { type Published, Publisher } from './publishing.ts';
import { openWalk, readSelection, SELECTION_OPTIONS, storesOf } from './selection.ts';
import { goOnTour, PASSED_OVER, VISITED } from './tour.ts';

const DEFAULT_FILE = 'avatar-publish.state';
const DEFAULT_RATE = 200;
/** Served only where it may move. */
const GIF = ['gif'] as const;

const WHAT_IS_PASSED_OVER = 'were passed over: keys of no avatar, or hosts not served here';

/** What goes wrong is thrown here as well. */
const SILENT = pino({ level: 'silent' });

export const publish: Command = {
  name: 'publish',
  summary: 'render all sizes of all avatars into AVATAR_VARIANTS, ahead of the first visitor',
  details: [
    'Walks all current avatars, or those selected, and renders each listed size that is not in the shared\n' +
      'store or was made from another original. What is there and fresh is left as it is.',
    'Exit code 0 when all are published, 1 when some avatars are broken, 2 when it could not go on. Run\n' +
      'it again to go on where it was stopped, by whatever.',
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
    const config = await loadConfig(call.variables);
    const forum = await openForum(config, SILENT);
    const walk = await openWalk(config, readSelection(call.values));
    try {
      return await publishAll({ config, forum, walk }, readWishes(config, walk, call.values), call);
    } finally {
      await Promise.all([walk.close(), forum.close()]);
    }
  },
};

type Wishes = {
  readonly host: string | undefined;
  /** Undefined: those of each forum. */
  readonly sizes: readonly number[] | undefined;
  readonly formats: readonly AskedFormat[];
};

type Opened = { readonly config: Config; readonly forum: Forum; readonly walk: Walk };

/** @throws UsageError */
function readWishes(config: Config, walk: Walk, values: Values): Wishes {
  const { hosts, sizes, format, negotiate, keepsMotion, locator } = config;
  const only = hosts?.size === 1 ? [...hosts][0] : undefined;
  const host = values.text('host')?.toLowerCase() ?? only;
  if (host === undefined && !walk.tellsHosts) {
    throw new UsageError("--host is needed: nothing here tells the host in the avatars' addresses");
  }
  const text = values.text('sizes');
  const asked = text === undefined ? sizes : parseListedSizes(text);
  if (asked === 'any' || (asked === undefined && locator.kind === 'template')) {
    throw new UsageError("--sizes is needed, as in '24 48 96': AVATAR_SIZES lists none");
  }
  if (asked !== undefined && 'error' in asked) throw new UsageError(`--sizes: ${asked.error}`);
  const named = readFormats(values.text('formats') ?? '', keepsMotion);
  const besides = [...negotiate, ...named].map((each) => (keepsMotion ? inMotion(each) : each));
  return { host, sizes: asked, formats: [...new Set([format, ...besides])] };
}

function readFormats(text: string, keepsMotion: boolean): Extension[] {
  const known: readonly Extension[] = ['jpg', 'webp', 'avif', ...(keepsMotion ? GIF : [])];
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  const formats = words.filter(isExtension).filter((each) => known.includes(each));
  if (formats.length < words.length) throw new UsageError(`--formats are of ${known.join(', ')}`);
  return formats;
}

async function publishAll(
  { config, forum, walk }: Opened,
  wishes: Wishes,
  { values, output, signal }: Call,
): Promise<ExitCode> {
  const { variants } = config;
  if (variants === undefined) {
    throw new UsageError('AVATAR_VARIANTS is not set: there is nowhere to publish to');
  }
  const places = [storesOf(config), storesOf({ originals: [variants] }), config.basePath];
  const journal = await Journal.open({
    file: values.text('state') ?? DEFAULT_FILE,
    of: JSON.stringify(['publish', places, wishes, walk.name]),
  });
  const store = await openVariantStore(variants, config, forum, SILENT);
  const parts = await openParts(config, { rate: values.number('rate') ?? DEFAULT_RATE, output });
  const { grammar } = forum;
  const publisher = new Publisher(
    { ...parts, store },
    {
      addressOf: (request) => grammar.format(request),
      profiles: PROFILE_VERSIONS,
      format: config.format,
      formats: wishes.formats,
    },
  );
  const visit = async (avatar: CurrentAvatar): Promise<Published | undefined> => {
    const host = wishes.host ?? avatar.host ?? '';
    if (config.hosts?.has(host) === false) return undefined;
    const named = { ...avatar, site: avatar.site === '' ? host : avatar.site, host };
    const sizes = wishes.sizes ?? (await sizesOf(named, forum));
    return await publisher.publish(named, sizes, signal);
  };
  let stored = 0;
  const startedAt = performance.now();
  try {
    await parts.probe(signal);
    await goOnTour({
      walk,
      journal,
      output,
      signal,
      atOnce: parts.atOnce,
      visit: (avatar) => attempt(signal, () => visit(avatar)),
      record: (avatar, result) => {
        if (result.kind === 'done') stored += result.done.stored;
        record(journal, output, avatar, result);
        return undefined;
      },
      remark: () => `${count(journal.counts.get('stored') ?? 0)} rendered`,
    });
    const seconds = (performance.now() - startedAt) / 1000;
    await journal.remove();
    return summarise(journal, stored / seconds, output);
  } finally {
    store.close();
    await Promise.all([parts.close(), journal.close()]);
  }
}

/** Those the forum shows. */
async function sizesOf(
  { site, host, user, id }: CurrentAvatar & { readonly host: string },
  { sizes }: Forum,
): Promise<readonly number[]> {
  const { listed = [] } = await sizes.policyOf({
    site,
    host,
    user,
    id,
    size: SMALLEST_SIZE,
    extension: 'png',
  });
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
function summarise({ counts }: Journal, perSecond: number, output: Output): ExitCode {
  const of = (name: string): number => counts.get(name) ?? 0;
  const [stored, fresh, bytes, leftOut] = ['stored', 'fresh', 'bytes', 'leftOut'].map(of);
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
      `${count(stored ?? 0)} variants rendered and stored, ${((bytes ?? 0) / 1e6).toFixed(1)} MB, ${perSecond.toFixed(0)} a second`,
      `${count(fresh ?? 0)} were there and fresh`,
      ...(leftOut === 0 ? [] : [`${count(leftOut ?? 0)} cannot be kept there`]),
      ...(passedOver === 0 ? [] : [`${count(passedOver)} ${WHAT_IS_PASSED_OVER}`]),
    ].join('\n'),
  );
  return broken === 0 ? EXIT.ok : EXIT.findings;
}
