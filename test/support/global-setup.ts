import type { TestProject } from 'vitest/node';
import { type S3Connection, startS3Server } from './s3-server.ts';

declare module 'vitest' {
  // Merged into vitest's own interface, which a type alias cannot be.
  interface ProvidedContext {
    /** `connectS3(inject('s3'))` */
    s3: S3Connection;
  }
}

/** One S3 server for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startS3Server();
  project.provide('s3', server.connection);
  return () => server.stop();
}
