/** From what happens to what is needed and what it costs. */
import type { HourCounts, Simulation } from './simulate.ts';
import type { Scenario } from './scenario.ts';
import { renderMsOf, type ServiceTimes } from './times.ts';

export type Prices = {
  readonly region: string;
  readonly date: string;
  readonly cloudfront: {
    readonly perGigabyte: ReadonlyArray<{
      readonly upToTerabytes: number | null;
      readonly price: number;
    }>;
    readonly per10000Requests: number;
    readonly per10000ShieldRequests: number;
  };
  readonly s3: {
    readonly perGigabyteMonth: number;
    readonly per1000Reads: number;
    readonly per1000Writes: number;
  };
  readonly ec2: { readonly instanceType: string; readonly cores: number; readonly perHour: number };
  readonly loadBalancer: { readonly perHour: number; readonly perCapacityUnitHour: number };
};

export type Plan = {
  /** By hour of the day. */
  readonly instances: readonly number[];
  readonly cpuSecondsADay: number;
  readonly requestsADay: number;
  readonly peakRequestsPerSecond: number;
  /** Shares of the requests that left browsers. */
  readonly edgeHits: number;
  readonly regionalHits: number;
  readonly arrivalsADay: number;
  readonly rendersADay: number;
  readonly s3ReadsADay: number;
  readonly s3WritesADay: number;
  /** Dollars a month of 30 days, by what for. */
  readonly costs: Readonly<Record<string, number>>;
};

const DAYS = 30;
const GIGABYTE = 1e9;
/** New connections, active ones, bytes and rules: of an ALB's four measures the bytes are the most here. */
const BYTES_PER_CAPACITY_UNIT_HOUR = 1e9;

export function cpuSeconds(hour: HourCounts, scenario: Scenario, times: ServiceTimes): number {
  const renders = hour.renders.reduce((sum, count, index) => {
    return sum + count * renderMsOf(times, scenario.sizes[index]?.size ?? 0);
  }, 0);
  const ms = hour.memoryHits * times.memoryHitMs + hour.sharedHits * times.sharedHitMs + renders;
  return ms / 1000;
}

export function planOf(
  scenario: Scenario,
  { hours, storedBytes }: Simulation,
  times: ServiceTimes,
  prices: Prices,
): Plan {
  const sum = (of: (hour: HourCounts) => number): number =>
    hours.reduce((total, hour) => total + of(hour), 0);
  const rendersOf = ({ renders }: HourCounts): number =>
    renders.reduce((total, count) => total + count, 0);
  const { cores, utilisation, least } = scenario.instances;
  const instances = hours.map((hour) =>
    Math.max(least, Math.ceil(cpuSeconds(hour, scenario, times) / 3600 / (cores * utilisation))),
  );
  const requests = sum((hour) => hour.requests);
  const regionalMisses = sum((hour) => hour.bucketHits + hour.arrivals);
  const edgeMisses = sum((hour) => hour.edgeMisses);
  const renders = sum(rendersOf);
  const reads = sum((hour) => hour.variantReads + hour.originalReads);
  const writes = scenario.sharesVariants ? renders : 0;
  const arrivals = sum((hour) => hour.arrivals);
  const bytes = sum((hour) => hour.bytesOut);
  const instanceHours = instances.reduce((total, count) => total + count, 0);
  const originalBytes = scenario.users * scenario.originalBytes;
  const storage = (DAYS * scenario.churn + 1) * originalBytes + storedBytes;
  const bytesPerArrival = bytes / requests;
  const units = Math.max(24, (arrivals * bytesPerArrival) / BYTES_PER_CAPACITY_UNIT_HOUR);
  const { cloudfront, s3, ec2, loadBalancer } = prices;
  return {
    instances,
    cpuSecondsADay: sum((hour) => cpuSeconds(hour, scenario, times)),
    requestsADay: requests,
    peakRequestsPerSecond: Math.max(...hours.map((hour) => hour.requests)) / 3600,
    edgeHits: 1 - edgeMisses / requests,
    regionalHits: (edgeMisses - regionalMisses) / requests,
    arrivalsADay: arrivals,
    rendersADay: renders,
    s3ReadsADay: reads,
    s3WritesADay: writes,
    costs: {
      'CloudFront, transfer': tiered((bytes * DAYS) / GIGABYTE, cloudfront.perGigabyte),
      'CloudFront, requests': ((requests * DAYS) / 10_000) * cloudfront.per10000Requests,
      'CloudFront, origin shield':
        ((edgeMisses * DAYS) / 10_000) * cloudfront.per10000ShieldRequests,
      'S3, reads': ((reads * DAYS) / 1000) * s3.per1000Reads,
      'S3, writes': ((writes * DAYS) / 1000) * s3.per1000Writes,
      'S3, storage': (storage / GIGABYTE) * s3.perGigabyteMonth,
      'EC2, instances': instanceHours * DAYS * ec2.perHour,
      'Load balancer':
        DAYS * (24 * loadBalancer.perHour + units * loadBalancer.perCapacityUnitHour),
    },
  };
}

/** Each gigabyte at the price of the tier it falls into. */
function tiered(gigabytes: number, tiers: Prices['cloudfront']['perGigabyte']): number {
  let [cost, from] = [0, 0];
  for (const { upToTerabytes, price } of tiers) {
    const to = upToTerabytes === null ? Infinity : upToTerabytes * 1000;
    cost += Math.max(0, Math.min(gigabytes, to) - from) * price;
    from = to;
  }
  return cost;
}
