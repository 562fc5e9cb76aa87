import { isIPv6 } from 'node:net';
import { availableParallelism, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { SizePolicy } from '../avatar/sizes.ts';
import type { StandInPolicy } from '../avatar/stand-in.ts';
import type { Sites } from '../discourse/sites.ts';
import type { TrustedProxies } from '../http/client.ts';
import type { KeyTemplate } from '../locator/template.ts';
import { type AskedFormat, inMotion, type NegotiableFormat } from '../vocabulary/formats.ts';
import { ConfigError } from './error.ts';
import { Issues } from './issues.ts';
import {
  parseHosts,
  parseListedSizes,
  parseLocator,
  parseNegotiable,
  parseTrustedProxies,
} from './lists.ts';
import { type Environment, EnvironmentSchema } from './schema.ts';
import { parseStores, parseVariantStore, type S3Address, type StoreAddress } from './stores.ts';

type LocatorConfig =
  | { readonly kind: 'template'; readonly templates: readonly KeyTemplate[] }
  | {
      readonly kind: 'discourse';
      readonly sites: Sites;
      readonly localPrefix: string;
      readonly foundMs: number;
      readonly notFoundMs: number;
    };

/** Ascending; or any size; or nothing was said. */
type ListedSizes = readonly number[] | 'any' | undefined;

export type Listener = { readonly host: string; readonly port: number };

/** The configuration as the service uses it: everything parsed, nothing left to check. */
export type Config = {
  readonly listener: Listener;
  readonly admin: Listener | undefined;
  readonly originals: readonly StoreAddress[];
  /** Where instances share what they rendered, if they do. */
  readonly variantStore: S3Address | undefined;
  /** Nothing was configured: the bundled demo avatars are served. */
  readonly isDemo: boolean;
  readonly locator: LocatorConfig;
  readonly hosts: ReadonlySet<string> | undefined;
  /** Undefined sizes: those of the forum, or all where there is none to ask. */
  readonly sizes: ListedSizes;
  readonly unlistedSize: SizePolicy['unlisted'];
  readonly missing: StandInPolicy['picture'];
  readonly format: AskedFormat;
  /** In the order of preference. */
  readonly negotiate: readonly NegotiableFormat[];
  /** Of originals that move, in formats that can. */
  readonly keepsMotion: boolean;
  readonly memoryBytes: number;
  readonly maxOriginalBytes: number;
  readonly maxPixels: number;
  readonly renders: number;
  readonly fetches: number;
  readonly hedges: boolean;
  readonly deadlineMs: number;
  readonly drainMs: number;
  readonly basePath: string;
  readonly cdnUrl: string;
  readonly trustedProxies: TrustedProxies | undefined;
  /** Spans for OpenTelemetry, whose own variables say where they go. */
  readonly tracing: boolean;
  readonly logLevel: Environment['LOG_LEVEL'];
  /** Variables that look like ours and are not: misspelt, or of another version. */
  readonly unknownVariables: readonly string[];
};

const MEGABYTE = 1024 * 1024;
/** Kubernetes tells every pod of a namespace where the Service called avatar-proxy is. */
const OF_A_SERVICE = /^AVATAR_PROXY_(?:SERVICE_(?:HOST|PORT)|PORT)(?:_|$)/;
/** As sources this file is two folders below the project's; built, all are in one. */
const DEMO = import.meta.url.endsWith('.ts') ? '../../demo/' : '../demo/';
const DEMO_DIRECTORY = fileURLToPath(new URL(DEMO, import.meta.url));

/** @throws ConfigError with everything that is wrong */
export async function loadConfig(
  variables: Readonly<Record<string, string | undefined>>,
): Promise<Config> {
  const issues = new Issues(variables);
  const environment = issues.validate();
  const originals = issues.parse('AVATAR_ORIGINALS', parseStores, [
    { kind: 'folder', directory: DEMO_DIRECTORY },
  ]);
  const variantStore = issues.parse('AVATAR_VARIANTS', parseVariantStore, undefined);
  const locator = await findLocator(issues);
  const hosts = issues.parse('AVATAR_HOSTS', parseHosts, undefined);
  const sizes = issues.parse('AVATAR_SIZES', parseListedSizes, undefined);
  const trustedProxies = issues.parse('AVATAR_TRUSTED_PROXIES', parseTrustedProxies, undefined);
  const negotiate = issues.parse('AVATAR_NEGOTIATE', parseNegotiable, []);
  if (environment !== undefined) refuseOnePort(issues, environment);
  const unknownVariables = unknownOf(variables);
  if (environment === undefined || issues.found.length > 0) {
    throw new ConfigError(issues.found, unknownVariables);
  }

  const isDiscourse = locator.kind === 'discourse';
  const format = environment.AVATAR_FORMAT ?? (isDiscourse ? 'original' : 'png');
  const keepsMotion = environment.AVATAR_ANIMATED === 'true';
  return {
    listener: { host: environment.HOST, port: environment.PORT },
    admin:
      environment.ADMIN_PORT === 0
        ? undefined
        : { host: environment.ADMIN_HOST, port: environment.ADMIN_PORT },
    originals,
    variantStore,
    isDemo: environment.AVATAR_ORIGINALS === undefined,
    locator: isDiscourse
      ? {
          ...locator,
          localPrefix: environment.AVATAR_DISCOURSE_LOCAL_PREFIX,
          foundMs: environment.AVATAR_FOUND_SECONDS * 1000,
          notFoundMs: environment.AVATAR_NOT_FOUND_SECONDS * 1000,
        }
      : locator,
    hosts,
    // Discourse sends to a listed size only where the uploads are in S3: on its disk all are served.
    sizes: sizes ?? (isDiscourse && isOnDisk(originals) ? 'any' : undefined),
    unlistedSize: environment.AVATAR_UNLISTED_SIZE,
    missing: environment.AVATAR_MISSING ?? (isDiscourse ? 'blank' : '404'),
    format: keepsMotion ? inMotion(format) : format,
    negotiate,
    keepsMotion,
    memoryBytes: (environment.AVATAR_MEMORY_MB ?? defaultMemoryMb()) * MEGABYTE,
    maxOriginalBytes: environment.AVATAR_MAX_ORIGINAL_MB * MEGABYTE,
    maxPixels: environment.AVATAR_MAX_MEGAPIXELS * 1e6,
    renders: environment.AVATAR_RENDERS ?? availableParallelism(),
    fetches: environment.AVATAR_FETCHES,
    hedges: environment.AVATAR_HEDGE === 'true',
    deadlineMs: environment.AVATAR_DEADLINE_MS,
    drainMs: environment.AVATAR_DRAIN_MS,
    basePath: environment.AVATAR_BASE_PATH,
    cdnUrl: environment.AVATAR_CDN_URL?.replace(/\/+$/, '') ?? '',
    trustedProxies,
    tracing: (environment.AVATAR_TRACING ?? tracingDefault(variables)) === 'true',
    logLevel: environment.LOG_LEVEL,
    unknownVariables,
  };
}

function unknownOf(variables: Readonly<Record<string, string | undefined>>): string[] {
  return Object.keys(variables).filter(
    (name) =>
      name.startsWith('AVATAR_') &&
      !(name in EnvironmentSchema.properties) &&
      !OF_A_SERVICE.test(name),
  );
}

/** Else the public listener would find the port taken, by this very process. */
function refuseOnePort(
  issues: Issues,
  { HOST: host, PORT: port, ADMIN_HOST: adminHost, ADMIN_PORT: adminPort }: Environment,
): void {
  if (port !== adminPort || port === 0) return;
  if (!covers(host, adminHost) && !covers(adminHost, host)) return;
  issues.add('ADMIN_PORT', `${port} is PORT as well: choose another, or 0 for no such listener`);
}

/** Of a name nobody knows yet what it stands for: mostly an IPv4 address. */
function covers(host: string, other: string): boolean {
  return host === other || host === '::' || (host === '0.0.0.0' && !isIPv6(other));
}

function isOnDisk(originals: readonly StoreAddress[]): boolean {
  return originals.every(({ kind }) => kind === 'folder');
}

type FoundLocator =
  | { readonly kind: 'template'; readonly templates: readonly KeyTemplate[] }
  | { readonly kind: 'discourse'; readonly sites: Sites };

async function findLocator(issues: Issues): Promise<FoundLocator> {
  const parsed = issues.parse('AVATAR_LOCATOR', parseLocator, []);
  if (parsed !== 'discourse') {
    // Of a locator with a mistake in it nobody knows which it was to be.
    if (parsed.length > 0) refuseDatabases(issues);
    return { kind: 'template', templates: parsed };
  }
  // What checks the file of sites takes a quarter of a second to load.
  const { findSites } = await import('./sites.ts');
  const sites = findSites(issues);
  // With an issue found nothing of this is used.
  return sites === undefined ? { kind: 'template', templates: [] } : { kind: 'discourse', sites };
}

/** Whoever names a database means it to be asked, and with a template none is. */
function refuseDatabases(issues: Issues): void {
  const refuse = (): { error: string } => ({
    error: 'is read with AVATAR_LOCATOR=discourse alone',
  });
  for (const variable of ['AVATAR_DISCOURSE_URL', 'AVATAR_SITES'] as const) {
    issues.parse(variable, refuse, undefined);
  }
}

function tracingDefault(variables: Readonly<Record<string, string | undefined>>): string {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: all, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own } = variables;
  return String((all || own || '') !== '' && variables['OTEL_SDK_DISABLED'] !== 'true');
}

function defaultMemoryMb(): number {
  const constrained = process.constrainedMemory();
  const limit = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  return Math.max(16, Math.min(512, Math.floor(limit / 4 / MEGABYTE)));
}
