/** The options of `publish`, read and checked before anything is begun. */
import { parseHosts, parseListedSizes } from '../config/lists.ts';
import type { Config } from '../config/load.ts';
import type { S3Address } from '../config/stores.ts';
import type { Walk } from '../locator/walk.ts';
import { type AskedFormat, type Extension, inMotion, isExtension } from '../vocabulary/formats.ts';
import { UsageError, type Values } from './command.ts';
import { DEFAULT_RATE } from './parts.ts';
import { onlyHostOf } from './selection.ts';

export const DEFAULT_FILE = 'avatar-publish.state';
/** Served only where it may move. */
const GIF = ['gif'] as const;

export type PublishOptions = {
  readonly store: S3Address;
  /** That of avatars that don't tell theirs. */
  readonly host: string | undefined;
  /** Undefined: those of each forum. */
  readonly sizes: readonly number[] | undefined;
  readonly formats: readonly AskedFormat[];
  readonly state: string;
  readonly rate: number;
};

/** @throws UsageError */
export function readPublishOptions(config: Config, values: Values): PublishOptions {
  const { variantStore: store, sizes, format, negotiate, keepsMotion, locator } = config;
  if (store === undefined) {
    throw new UsageError('AVATAR_VARIANTS is not set: there is nowhere to publish to');
  }
  const text = values.text('sizes');
  const asked = text === undefined ? sizes : parseListedSizes(text);
  if (asked === 'any' || (asked === undefined && locator.kind === 'template')) {
    throw new UsageError("--sizes is needed, as in '24 48 96': AVATAR_SIZES lists none");
  }
  if (asked !== undefined && 'error' in asked) throw new UsageError(`--sizes: ${asked.error}`);
  const named = readFormats(values.text('formats') ?? '', keepsMotion);
  const besides = [...negotiate, ...named].map((each) => (keepsMotion ? inMotion(each) : each));
  return {
    store,
    host: readHost(config, values) ?? onlyHostOf(config),
    sizes: asked,
    formats: [...new Set([format, ...besides])],
    state: values.text('state') ?? DEFAULT_FILE,
    rate: values.number('rate') ?? DEFAULT_RATE,
  };
}

function readHost({ hosts }: Config, values: Values): string | undefined {
  const text = values.text('host');
  const parsed = text === undefined ? new Set<string>() : parseHosts(text);
  if ('error' in parsed || parsed.size > 1) throw new UsageError('--host is one host name');
  const [host] = parsed;
  if (host !== undefined && hosts?.has(host) === false) {
    throw new UsageError(`--host is one of AVATAR_HOSTS: ${[...hosts].join(' ')}`);
  }
  return host;
}

/** @throws UsageError */
export function checkWalk(walk: Walk, { host }: PublishOptions, values: Values): void {
  if (!walk.tellsNames) {
    throw new UsageError(
      'AVATAR_LOCATOR has no alternative with {user} and {id} or {upload}: whose address is to be ' +
        'filled cannot be told from a key',
    );
  }
  if (walk.tellsHosts && values.has('host')) {
    throw new UsageError('--host is for avatars that tell none, and here all do: see --site');
  }
  if (host === undefined && !walk.tellsHosts) {
    throw new UsageError("--host is needed: nothing here tells the host in the avatars' addresses");
  }
}

function readFormats(text: string, keepsMotion: boolean): Extension[] {
  const known: readonly Extension[] = ['jpg', 'webp', 'avif', ...(keepsMotion ? GIF : [])];
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  const formats = words.filter(isExtension).filter((each) => known.includes(each));
  if (formats.length < words.length) throw new UsageError(`--formats are of ${known.join(', ')}`);
  return formats;
}
