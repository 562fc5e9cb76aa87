/**
 * Every variable the service reads: type, default, limits and meaning. Validation, the types and
 * the table in the README come from here. Plain JSON Schema, which TypeBox types: building it with
 * TypeBox at run time would take longer than all else at start.
 */
import type { XStatic } from 'typebox/schema';

export type Property = {
  readonly type: 'string' | 'integer';
  readonly description: string;
  readonly default?: string | number;
  /** A default that is computed where the service runs, as the documentation puts it. */
  readonly documentedDefault?: string;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  /** What is shown where the pattern is not met. */
  readonly examples?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
};

const port = { minimum: 0, maximum: 65_535 } as const;
const milliseconds = { minimum: 0, maximum: 600_000 } as const;

const PROPERTIES = {
  HOST: { type: 'string', default: '0.0.0.0', description: 'Address of the public listener' },
  PORT: { type: 'integer', default: 8080, ...port, description: 'Port of the public listener' },
  ADMIN_HOST: {
    type: 'string',
    default: '127.0.0.1',
    description:
      'Address of the listener for operators: metrics and the gallery, nothing a CDN should reach',
  },
  ADMIN_PORT: {
    type: 'integer',
    default: 9090,
    ...port,
    description: 'Its port; `0` turns it off',
  },
  AVATAR_ORIGINALS: {
    type: 'string',
    documentedDefault: 'the bundled demo avatars, with a warning',
    description:
      'Where originals are, separated by spaces and tried in order: ' +
      '`s3://BUCKET[/PREFIX][?region=&endpoint=&pathStyle=&accelerate=&dualstack=]`, PREFIX ' +
      'percent-encoded (`%20` is a space), or `file:DIR`',
  },
  AVATAR_LOCATOR: {
    type: 'string',
    default: 'template:{host}/{user}/{id}',
    description:
      'How an address becomes a key: `template:A|B|C`, alternatives tried in order, made of ' +
      '`{host}`, `{user}`, `{id}` (as in the address: `52330_1`), `{upload}` and `{version}` ' +
      "(its two halves); or `discourse`: by the forum's own database",
  },
  AVATAR_DISCOURSE_URL: {
    type: 'string',
    documentedDefault: 'none',
    description:
      "`postgres://…` of the forum's database, for `discourse`; a role that may only read will do",
  },
  AVATAR_SITES: {
    type: 'string',
    documentedDefault: 'one site, all hosts',
    description:
      'For several forums: a JSON file, `{"sites": [{"name", "hosts", "database", "keyPrefix"?}], ' +
      '"default": name}`, in place of `AVATAR_DISCOURSE_URL`',
  },
  AVATAR_DISCOURSE_LOCAL_PREFIX: {
    type: 'string',
    default: '',
    description:
      'Where in the stores the files of the forum’s own disk (`/uploads/…` in its database) are',
  },
  AVATAR_FOUND_SECONDS: {
    type: 'integer',
    default: 300,
    minimum: 1,
    maximum: 86_400,
    description: 'How long an answer of the database with an avatar holds',
  },
  AVATAR_NOT_FOUND_SECONDS: {
    type: 'integer',
    default: 30,
    minimum: 1,
    maximum: 86_400,
    description: 'How long its answer that there is no such avatar holds',
  },
  AVATAR_HOSTS: {
    type: 'string',
    documentedDefault: 'any',
    description:
      'The sites served, separated by spaces, which then take turns at the renderers; others are answered 404',
  },
  AVATAR_SIZES: {
    type: 'string',
    documentedDefault:
      'any from 8 to 1000; with `discourse` and uploads in S3, the forum’s own setting',
    description: 'The sizes served, in pixels, separated by spaces, or `any`',
  },
  AVATAR_UNLISTED_SIZE: {
    type: 'string',
    enum: ['nearest', 'reject'],
    default: 'nearest',
    description:
      'What an unlisted size gives: a redirect to the `nearest` one (ties go low), or 404 (`reject`)',
  },
  AVATAR_MISSING: {
    type: 'string',
    enum: ['404', 'blank', 'letter'],
    documentedDefault: '`404`; `blank` with `discourse`',
    description:
      'What is answered where there is no avatar: a failure, a neutral silhouette, or the first ' +
      'letter of the user name; the pictures with 200, for ten minutes, and of 360 pixels at most',
  },
  AVATAR_FORMAT: {
    type: 'string',
    enum: ['png', 'jpg', 'webp', 'avif', 'original'],
    documentedDefault: '`png`; `original` with `discourse`',
    description: 'What a `.png` address gives; `original` keeps the format of the original',
  },
  AVATAR_NEGOTIATE: {
    type: 'string',
    documentedDefault: 'none',
    description:
      'What a `.png` address gives instead to clients whose `Accept` names it: `webp` or ' +
      '`avif,webp`, and nothing else; with `Vary: Accept`',
  },
  AVATAR_ANIMATED: {
    type: 'string',
    enum: ['true', 'false'],
    default: 'false',
    description:
      'Whether animated GIF and WebP go on moving: as WebP where WebP is asked for or negotiated, as GIF at ' +
      '`.gif` addresses, within limits of frames, pixels and time; else their first frame is shown',
  },
  AVATAR_VARIANTS: {
    type: 'string',
    documentedDefault: 'none',
    description:
      'Where finished variants are kept for all instances, and for a CDN that reads them there: ' +
      '`s3://BUCKET[/PREFIX][?…]`, with the options of `AVATAR_ORIGINALS`',
  },
  AVATAR_MEMORY_MB: {
    type: 'integer',
    minimum: 1,
    maximum: 65_536,
    documentedDefault: 'a quarter of the memory limit, at most 512',
    description: 'Memory for finished variants',
  },
  AVATAR_MAX_ORIGINAL_MB: {
    type: 'integer',
    default: 20,
    minimum: 1,
    maximum: 200,
    description:
      'Larger originals are refused, before they are read where the store tells their size',
  },
  AVATAR_MAX_MEGAPIXELS: {
    type: 'integer',
    default: 50,
    minimum: 1,
    maximum: 200,
    description:
      'Originals of more pixels are refused before they are decoded; AVIF above a quarter of it, ' +
      'since it takes 20 bytes a pixel to decode',
  },
  AVATAR_RENDERS: {
    type: 'integer',
    minimum: 1,
    maximum: 256,
    documentedDefault: 'the number of cores',
    description: 'Renderer processes, and so pictures rendered at once',
  },
  AVATAR_FETCHES: {
    type: 'integer',
    default: 64,
    minimum: 1,
    maximum: 1024,
    description: 'Originals read at once, and as many pictures of `AVATAR_VARIANTS`',
  },
  AVATAR_HEDGE: {
    type: 'string',
    enum: ['true', 'false'],
    default: 'false',
    description:
      'Whether a read that takes longer than 95 of 100 did is begun a second time; three of 100 at most',
  },
  AVATAR_DEADLINE_MS: {
    type: 'integer',
    default: 10_000,
    minimum: 100,
    maximum: 120_000,
    description: 'How long the whole of a miss may take; what cannot be met is refused at once',
  },
  AVATAR_DRAIN_MS: {
    type: 'integer',
    default: 10_000,
    ...milliseconds,
    description: 'How long after SIGTERM the service goes on serving, with readiness off',
  },
  AVATAR_BASE_PATH: {
    type: 'string',
    default: '',
    pattern: '^(/[A-Za-z0-9._~-]+)*$',
    examples: ['/forum'],
    description: 'Path before `/user_avatar`, as in `/forum`',
  },
  AVATAR_TRUSTED_PROXIES: {
    type: 'string',
    documentedDefault: 'none: who connects is the client',
    description:
      'Whose `X-Forwarded-For` is believed, so that one client’s flood of misses lets others take ' +
      'turns: addresses and networks (`10.0.0.0/8`), `loopback`, `uniquelocal` (all private ones), ' +
      'separated by spaces; or how many proxies there are (`2`: a CDN and a load balancer)',
  },
  AVATAR_CDN_URL: {
    type: 'string',
    pattern: '^https?://[^/?#\\s]+(/[^?#\\s]*)?$',
    examples: ['https://cdn.example.org'],
    documentedDefault: 'the host that was asked',
    description: 'Where redirects point, as in `https://cdn.example.org`',
  },
  AVATAR_TRACING: {
    type: 'string',
    enum: ['true', 'false'],
    documentedDefault: '`true` when `OTEL_EXPORTER_OTLP_ENDPOINT` is set',
    description:
      'Whether requests are traced with OpenTelemetry, and sent by OTLP over HTTP as the standard ' +
      '`OTEL_…` variables say',
  },
  LOG_LEVEL: {
    type: 'string',
    enum: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    default: 'info',
    description: 'The least severe lines that are logged',
  },
} as const satisfies Record<string, Property>;

export const EnvironmentSchema = { type: 'object', properties: PROPERTIES } as const;

type Properties = typeof PROPERTIES;

/** The variables as validated: those without a default may be missing. */
export type Environment = {
  readonly [Name in keyof Properties]: Properties[Name] extends { readonly default: unknown }
    ? XStatic<Properties[Name]>
    : XStatic<Properties[Name]> | undefined;
};
export type Variable = keyof Properties;
