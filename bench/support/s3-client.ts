import { S3Client } from '@aws-sdk/client-s3';
import type { S3Connection } from '../../test/support/s3-server.ts';

/** For what benches do themselves: without checksums, which would be work of the client alone. */
export function connectTo({ endpoint, accessKeyId, secretAccessKey }: S3Connection): S3Client {
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}
