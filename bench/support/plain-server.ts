/**
 * What any server of avatars has to do, and nothing else: node:http, the original from a folder or a bucket,
 * the service's own transform, in one process. It keeps, shares, refuses, counts and logs nothing, and a
 * picture that hangs or crashes takes it along. What it is slower than sharp alone is the price of HTTP, of
 * reading and of the load on the same cores; what the service is slower than this one is its own.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { createInspector } from '../../src/inspect/inspect.ts';
import { intermediateSquare } from '../../src/render/intermediate-square.ts';
import { lockDecoders, transformAll } from '../../src/render/transform.ts';
import type { S3Connection } from '../../test/support/s3-server.ts';
import { connectTo } from './s3-client.ts';

/** Where originals are, as `bench/USER/1`. */
export type Source =
  | { readonly folder: string }
  | { readonly bucket: string; readonly connection: S3Connection };

const [, , port = '0', sourceJson = '{}'] = process.argv;
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const read = reader(JSON.parse(sourceJson) as Source);
const inspector = createInspector({ maxPixels: 50e6 });
lockDecoders();

createServer((request, response) => {
  void answer(request.url ?? '').then(
    (picture) => response.writeHead(200, { 'content-length': picture.length }).end(picture),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
}).listen(Number(port), '127.0.0.1');

async function answer(url: string): Promise<Buffer> {
  const [, , host = '', user = '', size = ''] = url.split('/');
  if (user === '') return Buffer.from('alive');
  const original = inspector.inspect(await read(`${host}/${user}/1`));
  const [picture] = await transformAll(original.bytes, {
    variants: [{ size: Number(size), format: 'png' }],
    square: intermediateSquare(original, Number(size)),
    isDeep: original.isDeep,
  });
  if (picture === undefined) throw new Error(`${url} was not made`);
  return picture;
}

function reader(source: Source): (key: string) => Promise<Buffer> {
  if ('folder' in source) return async (key) => await readFile(join(source.folder, key));
  const client = connectTo(source.connection);
  return async (Key) => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: source.bucket, Key }));
    if (Body === undefined) throw new Error(`${Key} has no body`);
    return Buffer.from(await Body.transformToByteArray());
  };
}
