import type { Hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { AvatarError } from '../errors.ts';

/** What a body without a length in its header is given at first. */
const UNKNOWN_LENGTH = 64 * 1024;

export type BodyLimits = {
  readonly maxBytes: number;
  readonly stallMs: number;
  readonly signal: AbortSignal;
  /** What is read, for the log: `s3://bucket/key`. */
  readonly what: string;
  /** As the reply's header has it. */
  readonly length?: number | undefined;
  /** Resolves when there is room for so many bytes. */
  readonly claim?: ((bytes: number, signal: AbortSignal) => Promise<void>) | undefined;
  /** Fed with what comes. */
  readonly hash?: Hash | undefined;
};

/**
 * Reads a body whole. However that ends, the body is destroyed and its socket free: one that is
 * merely forgotten keeps it for ever.
 * @returns undefined for one of more than `maxBytes`
 * @throws AvatarError `originals_timeout`, `originals_bad_reply`; the signal's reason
 */
export async function readBody(body: Readable, limits: BodyLimits): Promise<Buffer | undefined> {
  const { maxBytes, stallMs, signal, what, length = maxBytes, claim, hash } = limits;
  const leave = (): void => {
    body.destroy();
  };
  if (signal.aborted) leave();
  else signal.addEventListener('abort', leave, { once: true });
  let stall: NodeJS.Timeout | undefined;
  try {
    if (claim !== undefined) await unread(body, claim(length, signal));
    stall = setTimeout(() => {
      body.destroy(
        new AvatarError('originals_timeout', {
          detail: `${what}: nothing came for ${stallMs} ms in the middle of the object`,
        }),
      );
    }, stallMs);
    return await collect(body, limits, (chunk) => {
      stall?.refresh();
      hash?.update(chunk);
    });
  } catch (cause) {
    body.destroy();
    signal.throwIfAborted();
    if (cause instanceof AvatarError) throw cause;
    throw new AvatarError('originals_bad_reply', {
      detail: `${what}: the reply ended before the object did`,
      cause,
    });
  } finally {
    clearTimeout(stall);
    signal.removeEventListener('abort', leave);
  }
}

/** While nobody reads `body`, nobody hears that its connection broke: who reads it afterwards does. */
async function unread(body: Readable, wait: Promise<void>): Promise<void> {
  const ignore = (): void => undefined;
  body.on('error', ignore);
  await wait;
}

async function collect(
  body: Readable,
  { maxBytes, length }: BodyLimits,
  onChunk: (chunk: Buffer) => void,
): Promise<Buffer | undefined> {
  // Never more than is allowed, whatever the header claims.
  let bytes = Buffer.allocUnsafeSlow(Math.min(length ?? UNKNOWN_LENGTH, maxBytes));
  let total = 0;
  // Leaving this loop early destroys the body.
  for await (const chunk of body as AsyncIterable<Buffer>) {
    onChunk(chunk);
    if (total + chunk.length > maxBytes) return undefined;
    if (total + chunk.length > bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(2 * (total + chunk.length), maxBytes));
      bytes.copy(larger, 0, 0, total);
      bytes = larger;
    }
    total += chunk.copy(bytes, total);
  }
  return bytes.subarray(0, total);
}
