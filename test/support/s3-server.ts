/**
 * The S3 server tests run against: one started by others (`S3_TEST_ENDPOINT`,
 * `S3_TEST_ACCESS_KEY`, `S3_TEST_SECRET_KEY`), else Ceph RGW where it is installed, else an
 * emulator in this process, which knows neither signatures nor policies.
 *
 * One server serves a whole run (`global-setup.ts`); each test file connects to it through a
 * counting and fault-injecting proxy of its own.
 */
import { randomUUID } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { startFauxqs } from 'fauxqs';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { createRgwUser, rgwIsInstalled, startRgw } from './rgw.ts';

export type S3Credentials = { readonly accessKeyId: string; readonly secretAccessKey: string };

/** Plain data, so that it can be handed to the processes tests run in. */
export type S3Connection = S3Credentials & {
  readonly kind: 'rgw' | 'external' | 'fauxqs';
  /** The server itself, not a proxy. */
  readonly endpoint: string;
  /** Where an RGW keeps its configuration. */
  readonly folder?: string;
};

export type TestS3 = S3Credentials & {
  readonly kind: S3Connection['kind'];
  /** Through the proxy: what is asked here is counted, and broken at will. */
  readonly endpoint: string;
  readonly proxy: FaultProxy;
  /** False for an emulator that lets everybody in. */
  readonly checksSignatures: boolean;
  /** Whether `createReader` can be had. */
  readonly checksPolicies: boolean;
  /** @returns the name of a new empty bucket, which starts with `name` */
  createBucket(name: string): Promise<string>;
  put(bucket: string, key: string, bytes: Uint8Array): Promise<void>;
  remove(bucket: string, key: string): Promise<void>;
  /** Removes all of its objects. */
  empty(bucket: string): Promise<void>;
  has(bucket: string, key: string): Promise<boolean>;
  /** Of the first thousand objects. */
  keys(bucket: string): Promise<string[]>;
  /** From now on everybody may read every object, by a plain GET. */
  allowPublicReads(bucket: string): Promise<void>;
  /** A new user who may GetObject in the bucket and, with `list`, ListBucket: nothing else. */
  createReader(rights: { readonly bucket: string; readonly list: boolean }): Promise<S3Credentials>;
  /** GetObjects that were sent so far. */
  requests(): number;
  stop(): Promise<void>;
};

type S3Server = { readonly connection: S3Connection; stop(): Promise<void> };

/** @throws Error when `REQUIRE_REAL_S3=1` and there is only the emulator. */
export async function startS3Server(): Promise<S3Server> {
  const external = externalConnection();
  if (external !== undefined) return { connection: external, stop: async () => {} };
  if (rgwIsInstalled()) {
    const { stop, ...data } = await startRgw();
    return {
      connection: { kind: 'rgw', ...data },
      stop: async () => {
        stop();
      },
    };
  }
  if (process.env['REQUIRE_REAL_S3'] === '1') {
    throw new Error(
      'REQUIRE_REAL_S3=1, and there is none: install radosgw, ceph-mon and ceph-osd, or set S3_TEST_ENDPOINT',
    );
  }
  process.stderr.write(
    '\n*** No real S3 here: testing against an emulator. NOT checked: signatures and credentials,\n' +
      '*** policies, 403 for missing keys. Install radosgw, ceph-mon and ceph-osd, or set S3_TEST_ENDPOINT.\n\n',
  );
  const emulator = await startFauxqs({ port: 0, host: '127.0.0.1', logger: false });
  return {
    connection: {
      kind: 'fauxqs',
      endpoint: `http://127.0.0.1:${emulator.port}`,
      accessKeyId: 'test',
      secretAccessKey: 'test',
    },
    stop: () => emulator.stop(),
  };
}

function externalConnection(): S3Connection | undefined {
  const endpoint = process.env['S3_TEST_ENDPOINT'];
  const accessKeyId = process.env['S3_TEST_ACCESS_KEY'];
  const secretAccessKey = process.env['S3_TEST_SECRET_KEY'];
  if (endpoint === undefined) return undefined;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new Error('S3_TEST_ENDPOINT needs S3_TEST_ACCESS_KEY and S3_TEST_SECRET_KEY');
  }
  return { kind: 'external', endpoint, accessKeyId, secretAccessKey };
}

export async function connectS3(connection: S3Connection): Promise<TestS3> {
  const { kind, accessKeyId, secretAccessKey } = connection;
  const proxy = await startFaultProxy(connection.endpoint);
  const owner = new S3Client({
    endpoint: connection.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  return {
    kind,
    accessKeyId,
    secretAccessKey,
    endpoint: proxy.endpoint,
    proxy,
    checksSignatures: kind !== 'fauxqs',
    checksPolicies: kind === 'rgw',
    async createBucket(name) {
      // An external server keeps its buckets from run to run.
      const bucket = `${name}-${randomUUID().slice(0, 8)}`;
      await owner.send(new CreateBucketCommand({ Bucket: bucket }));
      return bucket;
    },
    async put(bucket, key, bytes) {
      await owner.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes }));
    },
    async remove(bucket, key) {
      await owner.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
    },
    async empty(bucket) {
      for (;;) {
        const page = await owner.send(new ListObjectsV2Command({ Bucket: bucket }));
        const { Contents: found = [] } = page;
        if (found.length === 0) return;
        await Promise.all(
          found.map(({ Key }) => owner.send(new DeleteObjectCommand({ Bucket: bucket, Key }))),
        );
      }
    },
    async has(bucket, key) {
      const { Contents: found = [] } = await owner.send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: key, MaxKeys: 1 }),
      );
      return found[0]?.Key === key;
    },
    async keys(bucket) {
      const { Contents: found = [] } = await owner.send(
        new ListObjectsV2Command({ Bucket: bucket }),
      );
      return found.map(({ Key = '' }) => Key);
    },
    async allowPublicReads(bucket) {
      const Resource = [`arn:aws:s3:::${bucket}/*`];
      const statement = { Effect: 'Allow', Principal: '*', Action: ['s3:GetObject'], Resource };
      const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
      await owner.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
    },
    async createReader({ bucket, list }) {
      if (connection.folder === undefined) throw new Error(`${kind} cannot create users`);
      const uid = `reader-${randomUUID().slice(0, 8)}`;
      const reader = await createRgwUser(connection.folder, uid);
      const Policy = JSON.stringify(readerPolicy(bucket, uid, list));
      await owner.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
      return reader;
    },
    requests: () => proxy.objectReads(),
    async stop() {
      owner.destroy();
      await proxy.stop();
    },
  };
}

/** A server and a connection to it in one, for use outside a test run. */
export async function startS3(): Promise<TestS3> {
  const server = await startS3Server();
  const s3 = await connectS3(server.connection);
  return {
    ...s3,
    async stop() {
      await s3.stop();
      await server.stop();
    },
  };
}

function readerPolicy(bucket: string, uid: string, list: boolean): unknown {
  const Principal = { AWS: [`arn:aws:iam:::user/${uid}`] };
  const statement = (Action: string, Resource: string): unknown => ({
    Effect: 'Allow',
    Principal,
    Action: [Action],
    Resource: [Resource],
  });
  const get = statement('s3:GetObject', `arn:aws:s3:::${bucket}/*`);
  const listing = statement('s3:ListBucket', `arn:aws:s3:::${bucket}`);
  return { Version: '2012-10-17', Statement: list ? [get, listing] : [get] };
}
