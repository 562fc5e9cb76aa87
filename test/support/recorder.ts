/** A stand-in for a server behind a proxy. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

type Recorded = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

export type Handler = (request: Recorded, response: ServerResponse) => unknown;

export type Recorder = {
  /** `HOST:PORT` */
  readonly address: string;
  readonly requests: readonly Recorded[];
  /** Connections ever made. */
  connections(): number;
  /** The requests so far, which are forgotten. */
  take(): Recorded[];
  close(): Promise<void>;
};

/** A small server that remembers what it was asked. */
export async function startRecorder(handler: Handler): Promise<Recorder> {
  const requests: Recorded[] = [];
  let connections = 0;
  const server = createServer((incoming, response) => {
    void text(incoming).then((body) => {
      const { method = '', url = '', headers } = incoming;
      const request = { method, url, headers, body };
      requests.push(request);
      handler(request, response);
    });
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return {
    address: `127.0.0.1:${address.port}`,
    requests,
    connections: () => connections,
    take: () => requests.splice(0),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
