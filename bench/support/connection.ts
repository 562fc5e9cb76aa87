import { connect, type Socket } from 'node:net';

const END_OF_HEAD = '\r\n\r\n';
const NO_BODY = new Set([204, 304]);

export type Received = {
  /** 0 when the connection broke. */
  readonly status: number;
  readonly bytes: number;
};

/**
 * A connection that asks for one thing after the other and only counts what comes: a third of what
 * `node:http` takes. A load generator shares the cores with the server, and what it takes there would
 * be measured as that server's slowness. Knows replies whose length is told, no others.
 */
export class Connection {
  readonly #socket: Socket;
  #pending: PromiseWithResolvers<Received> | undefined;
  #head = '';
  #status = 0;
  #bytes = 0;
  /** Of the body, to come; undefined until the head is there. */
  #left: number | undefined;

  constructor({ hostname, port }: URL, localAddress: string | undefined) {
    this.#socket = connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      ...(localAddress !== undefined && { localAddress }),
    });
    this.#socket.on('data', (chunk) => this.#receive(chunk));
    this.#socket.on('close', () => this.#settle({ status: 0, bytes: this.#bytes }));
    this.#socket.on('error', () => this.#socket.destroy());
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.writable;
  }

  /** Not before the former one is answered. */
  async get({ host, pathname, search }: URL, headers: string): Promise<Received> {
    this.#head = '';
    this.#bytes = 0;
    this.#left = undefined;
    this.#pending = Promise.withResolvers();
    this.#socket.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n${headers}\r\n`);
    return await this.#pending.promise;
  }

  #receive(chunk: Buffer): void {
    const body = this.#left === undefined ? this.#readHead(chunk) : chunk.length;
    if (this.#left === undefined) return;
    this.#bytes += body;
    this.#left -= body;
    if (this.#left === 0) this.#settle({ status: this.#status, bytes: this.#bytes });
  }

  /** @returns how many bytes behind it belong to the body */
  #readHead(chunk: Buffer): number {
    const before = this.#head.length;
    this.#head += chunk.toString('latin1');
    const end = this.#head.indexOf(END_OF_HEAD);
    if (end === -1) return 0;
    this.#status = Number(this.#head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length));
    const length = /\r\ncontent-length: *(\d+)/i.exec(this.#head.slice(0, end))?.[1];
    if (length === undefined && !NO_BODY.has(this.#status)) {
      this.#socket.destroy(new Error('the reply does not tell its length'));
      return 0;
    }
    this.#left = Number(length ?? 0);
    return before + chunk.length - (end + END_OF_HEAD.length);
  }

  #settle(received: Received): void {
    this.#pending?.resolve(received);
    this.#pending = undefined;
  }
}
