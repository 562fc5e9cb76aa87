import { NodeHttpHandler, type NodeHttpHandlerOptions } from '@smithy/node-http-handler';
import { limitBody } from './reply-limit.ts';

type Handle = NodeHttpHandler['handle'];
type Options = NodeHttpHandlerOptions & {
  /** From sending a request to the headers of the reply. */
  readonly requestTimeout: number;
};

/**
 * A request without an answer for this part of its time, half a second as a rule, has met silence. Who
 * leaves before, of clients or of reads that were begun twice, says nothing of the server.
 */
const PART_OF_SILENCE = 1 / 8;

/** Of errors, which S3 spells in less than a kilobyte. */
const MAX_ERROR_BYTES = 64 * 1024;
/** Of a page of a thousand keys, each of 1024 bytes that XML spells with six. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

/**
 * The SDK's handler of requests, for servers that do what it does not expect.
 *
 * When one hangs, or its address has moved, all idle connections to it are dead alike, and nothing
 * closes them. The SDK gives up the one that a request was silent on, and takes the next one: an
 * outage would last for as many requests as there are connections. So after one silence no idle
 * connection is trusted; new ones find the server that answers.
 *
 * And what the SDK reads into memory has no limit there: errors, and listings.
 */
export class S3HttpHandler extends NodeHttpHandler {
  readonly #silenceMs: number;

  constructor(options: Options) {
    super(options);
    this.#silenceMs = options.requestTimeout * PART_OF_SILENCE;
  }

  override async handle(...asked: Parameters<Handle>): ReturnType<Handle> {
    const askedAt = performance.now();
    let reply: Awaited<ReturnType<Handle>>;
    try {
      reply = await super.handle(...asked);
    } catch (thrown) {
      // Whoever ends the wait: the SDK's own time-out, a deadline, patience where there is another store.
      if (performance.now() - askedAt >= this.#silenceMs) this.#closeIdle();
      throw thrown;
    }
    const [{ query }] = asked;
    const { response } = reply;
    if (response.statusCode >= 300) limitBody(response, MAX_ERROR_BYTES);
    // Objects are read by who knows their limit.
    else if (query['x-id'] !== 'GetObject') limitBody(response, MAX_PAGE_BYTES);
    return reply;
  }

  #closeIdle(): void {
    const { httpAgent, httpsAgent } = this.httpHandlerConfigs();
    for (const agent of [httpAgent, httpsAgent]) {
      if (agent === undefined || !('freeSockets' in agent)) continue;
      for (const sockets of Object.values(agent.freeSockets)) {
        for (const socket of sockets ?? []) socket.destroy();
      }
    }
  }
}
