/** A service that reads from a real S3 server where there is one, else from an emulator. */
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { type S3Connection, startS3Server } from '../../test/support/s3-server.ts';
import type { Miss } from './misses.ts';
import { connectTo } from './s3-client.ts';
import { type Service, startService } from './service.ts';
import type { Workshop } from './workshop.ts';

type FilledS3 = {
  readonly connection: S3Connection;
  readonly bucket: string;
  readonly service: Service;
  readonly stop: () => Promise<void>;
};

const BUCKET = 'avatar-bench';

export async function startFilledS3(workshop: Workshop, work: readonly Miss[]): Promise<FilledS3> {
  const server = await startS3Server();
  const { connection } = server;
  const { endpoint, accessKeyId, secretAccessKey } = connection;
  const client = connectTo(connection);
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  for (const { user, picture } of work) {
    const Key = `bench/${user}/1`;
    await client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: picture.bytes }));
  }
  client.destroy();
  const service = await startService(workshop, {
    env: {
      AVATAR_ORIGINALS: `s3://${BUCKET}?endpoint=${endpoint}&region=us-east-1`,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    },
  });
  return { connection, bucket: BUCKET, service, stop: () => server.stop() };
}
