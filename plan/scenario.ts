/** What is planned for: users, what they look at, and what stands between them and S3. */

export type Scenario = {
  readonly users: number;
  readonly dailyActive: number;
  /** Page views of an active user a day, and avatars on a page. */
  readonly pageViews: number;
  readonly avatarsPerPage: number;
  /** Avatars found in the browser's own cache: replies hold for a year. */
  readonly browserHits: number;
  /** Sizes, with the share of views each gets and the bytes of its picture. */
  readonly sizes: readonly SizeUse[];
  /** Of Zipf's law. 0.8 to 1.0 is what web objects are found to have. */
  readonly exponent: number;
  /** New uploads a day, as a share of all avatars. */
  readonly churn: number;
  /** How far the load swings around its mean by day: 0.6 is 1.6 at the peak and 0.4 at night. */
  readonly swing: number;
  readonly edges: CacheTier;
  readonly regional: CacheTier;
  readonly instances: InstanceKind;
  /** Whether instances share finished variants in S3. */
  readonly sharesVariants: boolean;
  /** Whether the CDN asks that bucket before it asks the service. */
  readonly bucketFirst: boolean;
  readonly originalBytes: number;
};

export type SizeUse = { readonly size: number; readonly share: number; readonly bytes: number };

export type CacheTier = {
  /** Places, each with a cache of its own; 0: no such tier. */
  readonly places: number;
  /** Bytes in each of them that are this forum's. */
  readonly bytes: number;
  /** Where a cache is bounded by the number of its entries instead. */
  readonly entries?: number;
  readonly ttlSeconds: number;
};

type InstanceKind = {
  readonly memoryBytes: number;
  readonly cores: number;
  /** CPU of it that may be used at the busiest hour. */
  readonly utilisation: number;
  /** How many share the requests out in the simulation; it is repeated with as many as its plan asks for. */
  readonly count: number;
  readonly least: number;
};

const DAY = 86_400;

export const DEFAULTS: Scenario = {
  users: 1_000_000,
  dailyActive: 100_000,
  pageViews: 12,
  avatarsPerPage: 15,
  browserHits: 0.6,
  sizes: [
    { size: 24, share: 0.15, bytes: 1_700 },
    { size: 48, share: 0.45, bytes: 5_500 },
    { size: 96, share: 0.25, bytes: 19_000 },
    { size: 144, share: 0.1, bytes: 40_000 },
    { size: 288, share: 0.05, bytes: 140_000 },
  ],
  exponent: 0.9,
  churn: 0.0005,
  swing: 0.6,
  edges: { places: 60, bytes: 2e9, ttlSeconds: 365 * DAY },
  regional: { places: 1, bytes: 100e9, ttlSeconds: 365 * DAY },
  instances: { memoryBytes: 256e6, cores: 2, utilisation: 0.55, count: 1, least: 1 },
  sharesVariants: true,
  bucketFirst: true,
  originalBytes: 100_000,
};

/** Requests that leave browsers, a second, on average over the day. */
export function requestsPerSecond(scenario: Scenario): number {
  const { dailyActive, pageViews, avatarsPerPage, browserHits } = scenario;
  return (dailyActive * pageViews * avatarsPerPage * (1 - browserHits)) / DAY;
}

/** The load of an hour against the mean: highest at eight in the evening, lowest at eight in the morning. */
export function loadOfHour(hour: number, swing: number): number {
  return 1 + swing * Math.cos(((hour - 20) / 24) * 2 * Math.PI);
}
