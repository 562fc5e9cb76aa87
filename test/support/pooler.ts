/** What a pooler in transaction mode does to who logs in with settings: it refuses them, by one word. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

type Refusal = {
  /** Of the setting that is not allowed. */
  readonly name: string;
  /** Its SQLSTATE. */
  readonly code: string;
  readonly message: string;
};

/** Who leaves the setting out is passed on to the server. */
export async function startStrictPooler(
  upstreamPort: number,
  refusal: Refusal,
): Promise<{ port: number; stop(): void }> {
  const gate = createServer((socket) => {
    socket.once('data', (startup) => {
      if (startup.includes(`\0${refusal.name}\0`)) {
        socket.end(errorResponse(refusal));
        return;
      }
      const upstream = connect(upstreamPort, '127.0.0.1');
      upstream.write(startup);
      socket.pipe(upstream).pipe(socket);
      for (const side of [socket, upstream]) {
        side.on('error', () => {
          socket.destroy();
          upstream.destroy();
        });
      }
    });
  }).listen(0, '127.0.0.1');
  await once(gate, 'listening');
  const address = gate.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, stop: () => void gate.close() };
}

/** PostgreSQL's, as poolers send it before they hang up. */
function errorResponse({ code, message }: Refusal): Buffer {
  const fields = `SFATAL\0VFATAL\0C${code}\0M${message}\0\0`;
  const header = Buffer.from('E\0\0\0\0');
  header.writeInt32BE(Buffer.byteLength(fields) + 4, 1);
  return Buffer.concat([header, Buffer.from(fields)]);
}
