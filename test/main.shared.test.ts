/** Instances as processes of their own, that come and go, and share what they rendered. */
import { afterAll, afterEach, beforeAll, expect, inject, it } from 'vitest';
import { card } from './support/cards.ts';
import { freePort } from './support/ports.ts';
import { connectS3, type TestS3 } from './support/s3-server.ts';
import { type Service, startService } from './support/service.ts';
import { openVariants } from './variants/s3.fixture.ts';

const USERS = Array.from({ length: 20 }, (_, index) => `user${index}`);
const SIZES = Array.from({ length: 15 }, (_, index) => 8 + index * 8);
const ADDRESSES = USERS.flatMap((user) =>
  SIZES.map((size) => `/user_avatar/h.example/${user}/${size}/1.png`),
);

let s3: TestS3;
let bucket: string;
const running: Instance[] = [];

type Instance = Service & { metric(name: string): Promise<number> };

beforeAll(async () => {
  s3 = await connectS3(inject('s3'));
  bucket = await s3.createBucket('instances');
  const original = await card(96, 96).png().toBuffer();
  for (const user of USERS) await s3.put(bucket, `originals/h.example/${user}/1`, original);
});

afterEach(async () => {
  s3.proxy.heal();
  await Promise.all(running.splice(0).map(kill));
});

afterAll(() => s3.stop());

async function start(variantsPrefix: string): Promise<Instance> {
  const adminPort = await freePort();
  const options = `region=us-east-1&endpoint=${s3.endpoint}`;
  const service = await startService({
    ADMIN_PORT: String(adminPort),
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    AVATAR_ORIGINALS: `s3://${bucket}/originals?${options}`,
    AVATAR_VARIANTS: `s3://${bucket}/${variantsPrefix}?${options}`,
    AVATAR_DEADLINE_MS: '60000',
    LOG_LEVEL: 'warn',
  });
  const instance = {
    ...service,
    async metric(name: string): Promise<number> {
      const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
      const values = text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (?<value>\\S+)$`, 'gm'));
      return [...values].reduce((sum, { groups }) => sum + Number(groups?.['value']), 0);
    },
  };
  running.push(instance);
  await service.ready();
  return instance;
}

/** As the kernel does it when memory runs out. */
async function kill({ child, exited }: Instance): Promise<void> {
  child.kill('SIGKILL');
  await exited;
}

/** Every avatar: its bytes, and its headers but for those of this very reply. */
async function askAll({ url }: Instance): Promise<unknown[]> {
  const replies: unknown[] = [];
  // As many at once as a browser would.
  for (let index = 0; index < ADDRESSES.length; index += 20) {
    const some = ADDRESSES.slice(index, index + 20).map(async (address) => {
      const reply = await fetch(url + address);
      const { date: _, 'cache-status': __, ...headers } = Object.fromEntries(reply.headers);
      const bytes = Buffer.from(await reply.arrayBuffer()).toString('base64');
      return { address, status: reply.status, headers, bytes };
    });
    replies.push(...(await Promise.all(some)));
  }
  return replies;
}

it('300 variants are rendered once, whichever instances there are', async () => {
  const [first, second] = await Promise.all([start('v1'), start('v1')]);
  const made = await askAll(first);
  expect(made).toMatchObject(ADDRESSES.map((address) => ({ address, status: 200 })));
  expect(await first.metric('avatar_rendered_variants_total')).toBe(300);
  await expect
    .poll(() => first.metric('avatar_shared_variant_writes_total'), { timeout: 30_000 })
    .toBe(300);

  expect(await askAll(second)).toEqual(made);
  expect(await second.metric('avatar_rendered_variants_total')).toBe(0);

  await Promise.all([kill(first), kill(second)]);
  const third = await start('v1');
  expect(await askAll(third)).toEqual(made);
  expect(await third.metric('avatar_rendered_variants_total')).toBe(0);
}, 90_000);

it('what waits to be written when an instance is stopped is written', async () => {
  const instance = await start('v2');
  // Eight are written at once: this makes six turns of them.
  s3.proxy.inject({ kind: 'delay', ms: 200 });
  const addresses = ADDRESSES.slice(0, 48);
  await Promise.all(
    addresses.map(async (address) => (await fetch(instance.url + address)).bytes()),
  );
  expect(await instance.metric('avatar_shared_variant_writes_waiting')).toBeGreaterThan(0);
  instance.child.kill('SIGTERM');
  expect(await instance.exited).toBe(0);
  s3.proxy.heal();
  const store = openVariants(s3, bucket, { prefix: 'v2/' });
  const { signal } = new AbortController();
  for (const address of addresses) {
    expect(await store.describe(address.slice(1), signal), address).toBeDefined();
  }
  store.close();
}, 60_000);
