import { pipeline, Readable, Transform } from 'node:stream';
import type { NodeHttpHandler } from '@smithy/node-http-handler';

type Reply = Awaited<ReturnType<NodeHttpHandler['handle']>>['response'];

/** In place of a reply's body: the SDK takes the status from it, as of any reply it cannot read. */
class ReplyTooLarge extends Error {
  override readonly name = 'ReplyTooLarge';
  readonly $metadata: { readonly httpStatusCode: number };

  constructor(httpStatusCode: number, maxBytes: number) {
    super(`its body has more than ${maxBytes} bytes`);
    this.$metadata = { httpStatusCode };
  }
}

/** Lets the body end with an error, and its connection with it, when more comes than that. */
export function limitBody(reply: Reply, maxBytes: number): void {
  const { body, statusCode: status } = reply;
  if (!(body instanceof Readable)) return;
  let total = 0;
  const limited = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      total += chunk.length;
      if (total > maxBytes) done(new ReplyTooLarge(status, maxBytes));
      else done(null, chunk);
    },
  });
  // Who reads `limited` hears what goes wrong; whichever of the two is destroyed, the other one is.
  pipeline(body, limited, () => undefined);
  reply.body = limited;
}
