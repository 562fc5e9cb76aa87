/** A fleet under load whose instances are killed and started all the time: the test, and `npm run fleet`. */
import sharp from 'sharp';
import { startFleet } from './fleet.ts';
import type { TestS3 } from './s3-server.ts';
import { type Seen, visit } from './visitors.ts';

type FleetRun = {
  readonly s3: TestS3;
  readonly seconds: number;
  readonly requestsPerSecond: number;
  readonly avatars: number;
  /** Between one death or birth and the next. */
  readonly everySeconds: number;
  readonly variables?: Record<string, string>;
  readonly random: () => number;
  readonly say?: (what: string) => void;
};

type FleetReport = Seen & {
  readonly kills: number;
  readonly starts: number;
  /** Attempts that died with an instance, and those of them that were renders as far as one can tell. */
  readonly cutShort: { readonly attempts: number; readonly renders: number };
  /** With those that nobody saw. */
  readonly rendersPerVariant: number;
  /** Objects read from both buckets. */
  readonly objectReads: number;
  /** How many instances each variant was answered by, on average. */
  readonly instancesPerVariant: number;
  readonly troubles: readonly string[];
};

const SIZES = [24, 48, 72, 96, 144, 288];
const INSTANCES = 3;

export async function runFleet(run: FleetRun): Promise<FleetReport> {
  const { s3, seconds, requestsPerSecond, avatars, everySeconds, random, say = () => {} } = run;
  const [originals, variants] = [
    await s3.createBucket('originals'),
    await s3.createBucket('variants'),
  ];
  const paths = await upload(s3, originals, avatars, random);
  const fleet = await startFleet({
    instances: INSTANCES,
    caches: false,
    variables: {
      AVATAR_ORIGINALS: `s3://${originals}?endpoint=${s3.endpoint}&region=us-east-1`,
      AVATAR_VARIANTS: `s3://${variants}?endpoint=${s3.endpoint}&region=us-east-1`,
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
      // Little, so that the shared store is asked all the time.
      AVATAR_MEMORY_MB: '4',
      AVATAR_SIZES: SIZES.join(' '),
      AVATAR_RENDERS: '1',
      ...run.variables,
    },
  });
  try {
    const fate = new Fate(fleet, random, say);
    const timer = setInterval(() => void fate.strike(), everySeconds * 1000);
    const before = s3.requests();
    const seen = await visit({ port: fleet.port, seconds, requestsPerSecond, paths, random });
    clearInterval(timer);
    await fate.settled();
    const cutShort = await fleet.cutShort();
    const answered = [...(await fleet.answeredBy()).values()];
    return {
      ...seen,
      kills: fate.kills,
      starts: fate.starts,
      cutShort,
      rendersPerVariant: (seen.rendered + cutShort.renders) / seen.variants,
      objectReads: s3.requests() - before,
      instancesPerVariant: answered.reduce((sum, { size }) => sum + size, 0) / answered.length,
      troubles: await fleet.troubles(),
    };
  } finally {
    await fleet.stop();
  }
}

type Mortals = Pick<Awaited<ReturnType<typeof startFleet>>, 'running' | 'kill' | 'start'>;

/** Kills one or starts one, at random; at least one always runs. */
class Fate {
  kills = 0;
  starts = 0;
  readonly #fleet: Mortals;
  readonly #random: () => number;
  readonly #say: (what: string) => void;
  #current: Promise<void> = Promise.resolve();

  constructor(fleet: Mortals, random: () => number, say: (what: string) => void) {
    this.#fleet = fleet;
    this.#random = random;
    this.#say = say;
  }

  /** One at a time: who is being born is not killed before it breathes. */
  async strike(): Promise<void> {
    this.#current = this.#current.then(() => this.#next());
    await this.#current;
  }

  async settled(): Promise<void> {
    await this.#current;
  }

  async #next(): Promise<void> {
    const running = this.#fleet.running();
    const dead = Array.from({ length: INSTANCES }, (_, place) => place).filter(
      (place) => !running.includes(place),
    );
    const kills = dead.length === 0 || (running.length > 1 && this.#random() < 0.5);
    const place = pick(kills ? running : dead, this.#random);
    this.#say(`${kills ? 'kill -9' : 'start'} instance ${place + 1}`);
    if (kills) {
      this.kills += 1;
      await this.#fleet.kill(place);
    } else {
      this.starts += 1;
      await this.#fleet.start(place);
    }
  }
}

function pick(places: readonly number[], random: () => number): number {
  const place = places[Math.floor(random() * places.length)];
  if (place === undefined) throw new Error('nobody to choose from');
  return place;
}

/** @returns the paths of all sizes of all avatars, those of one avatar not beside each other */
async function upload(
  s3: TestS3,
  bucket: string,
  avatars: number,
  random: () => number,
): Promise<string[]> {
  const users = Array.from({ length: avatars }, (_, index) => `user${index}`);
  await Promise.all(
    users.map(async (user) => {
      const background = { r: random() * 255, g: random() * 255, b: random() * 255 };
      const picture = sharp({ create: { width: 360, height: 360, channels: 3, background } });
      const noise = {
        create: {
          width: 360,
          height: 360,
          channels: 3 as const,
          background,
          noise: { type: 'gaussian' as const, mean: 90, sigma: 20 },
        },
      };
      const bytes = await picture
        .composite([{ input: noise, blend: 'overlay' }])
        .jpeg()
        .toBuffer();
      await s3.put(bucket, `forum.example/${user}/1`, bytes);
    }),
  );
  return users
    .flatMap((user) => SIZES.map((size) => `/user_avatar/forum.example/${user}/${size}/1.png`))
    .map((path) => ({ path, at: random() }))
    .toSorted((one, other) => one.at - other.at)
    .map(({ path }) => path);
}
