/** A bucket of originals and variants, and what is done with it: by the command, and by the service. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, type GetObjectCommandOutput, S3Client } from '@aws-sdk/client-s3';
import { inject } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { type Ran, runCommand } from '../support/commands.ts';
import { connectS3, type TestS3 } from '../support/s3-server.ts';

export type Publishing = {
  readonly s3: TestS3;
  /** For states. */
  readonly folder: string;
  readonly bucket: string;
  /** Each test has places of its own, by a name of its own. */
  readonly variablesFor: (name: string) => Record<string, string>;
  /** An original. */
  readonly put: (name: string, key: string, bytes: Buffer) => Promise<void>;
  /** With `--json`, and a state of its own unless the arguments name one. */
  readonly publish: (variables: Record<string, string>, ...args: string[]) => Promise<Ran>;
  readonly start: (variables: Record<string, string>) => Promise<TestApp>;
  /** Rejects where there is none. */
  object(key: string): Promise<GetObjectCommandOutput>;
  close(): Promise<void>;
};

export async function openPublishing(): Promise<Publishing> {
  const s3 = await connectS3(inject('s3'));
  const { accessKeyId, secretAccessKey, endpoint } = s3;
  process.env['AWS_ACCESS_KEY_ID'] = accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = secretAccessKey;
  const folder = await mkdtemp(join(tmpdir(), 'avatar-publish-'));
  const bucket = await s3.createBucket('publish');
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  const storeOf = (path: string): string =>
    `s3://${bucket}/${path}?region=us-east-1&endpoint=${endpoint}`;
  const apps: TestApp[] = [];
  let runs = 0;
  return {
    s3,
    folder,
    bucket,
    variablesFor: (name) => ({
      AVATAR_ORIGINALS: storeOf(`${name}-originals`),
      AVATAR_VARIANTS: storeOf(`${name}-variants`),
      AVATAR_SIZES: '24 48 96',
      AVATAR_RENDERS: '1',
    }),
    put: (name, key, bytes) => s3.put(bucket, `${name}-originals/${key}`, bytes),
    async publish(variables, ...args) {
      runs += 1;
      const state = join(folder, `${runs}.state`);
      const own = args.includes('--state') ? [] : ['--state', state];
      return await runCommand(['publish', '--json', ...own, ...args], variables);
    },
    async start(variables) {
      const app = await startApp(variables);
      apps.push(app);
      return app;
    },
    object: (Key) => client.send(new GetObjectCommand({ Bucket: bucket, Key })),
    async close() {
      client.destroy();
      await Promise.all(apps.map((app) => app.close()));
      await s3.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function rendersOf(app: TestApp): Promise<number> {
  return app.metric('avatar_rendered_variants_total');
}
