/**
 * How the HTTP process and a renderer talk: frames of a small JSON message and a body of raw bytes,
 * over one socket. JSON, because a renderer taken over by a picture must not be able to feed a
 * deserializer that builds objects; a frame, because the body crosses without being encoded.
 */
import type { Writable } from 'node:stream';
import type { Format } from '../vocabulary/formats.ts';
import type { LetterRequest } from '../vocabulary/letter.ts';

export type VariantOrder = { readonly size: number; readonly format: Format };

/** To the renderer: the body of a picture's order is the original; a letter's has none. */
export type PictureOrder = {
  readonly kind: 'picture';
  /** What to make of the original, all from one decode. */
  readonly variants: readonly VariantOrder[];
  /** Edge of the square they are made from, where that is not the original itself. */
  readonly square?: number | undefined;
  /** Whether the original has colours of more than 8 bits a channel. */
  readonly isDeep?: boolean | undefined;
};
type LetterOrder = LetterRequest & { readonly kind: 'letter'; readonly format: Format };
export type RenderOrder = PictureOrder | LetterOrder;

/** From the renderer. The body of `done` is the variants, one after the other. */
export type RendererMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly lengths: readonly number[]; readonly rssBytes: number }
  /** The picture cannot be decoded. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Whatever went wrong, it is not the picture's fault. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** All frames of an animation took longer than it may. */
  | { readonly kind: 'too_slow'; readonly reason: string }
  | { readonly kind: 'too_much_memory'; readonly rssBytes: number };

export type Frame<Message> = { readonly message: Message; readonly body: Buffer };

const LENGTHS_BYTES = 8;
/** A frame that claims more is no frame of ours. */
const LONGEST_MESSAGE = 64 * 1024;
const LONGEST_BODY = 256 * 1024 * 1024;

export function encodeHead(message: RenderOrder | RendererMessage, bodyBytes: number): Buffer {
  const json = Buffer.from(JSON.stringify(message));
  const head = Buffer.allocUnsafe(LENGTHS_BYTES);
  head.writeUInt32LE(json.byteLength, 0);
  head.writeUInt32LE(bodyBytes, 4);
  return Buffer.concat([head, json]);
}

/** Writes without copying the body: head and body go to the kernel in one call. */
export function writeFrame(
  stream: Writable,
  message: RenderOrder | RendererMessage,
  body?: Buffer,
): void {
  stream.cork();
  stream.write(encodeHead(message, body?.byteLength ?? 0));
  if (body !== undefined) stream.write(body);
  stream.uncork();
}

/** Memory for a body of so many bytes. */
export type BodyMemory = (bytes: number) => Buffer;

/**
 * Puts frames together. It tells where the next bytes of the stream belong, so that they can be read
 * right there; `push` copies them there for streams that bring memory of their own.
 */
export class FrameReader<Message> {
  readonly #isMessage: (value: unknown) => value is Message;
  readonly #memory: BodyMemory;
  readonly #lengths = Buffer.alloc(LENGTHS_BYTES);
  #part: 'lengths' | 'message' | 'body' = 'lengths';
  #target: Buffer = this.#lengths;
  #filled = 0;
  #message: Message | undefined;

  /** @param memory exactly of the size of each body by default, to be kept as it is */
  constructor(
    isMessage: (value: unknown) => value is Message,
    memory: BodyMemory = (bytes) => Buffer.allocUnsafeSlow(bytes),
  ) {
    this.#isMessage = isMessage;
    this.#memory = memory;
  }

  /** Where the next bytes belong; never empty. */
  get space(): Buffer {
    return this.#target.subarray(this.#filled);
  }

  /**
   * So many bytes have come into `space`.
   * @throws Error when they are not of this protocol: the other side is to be given up
   */
  filled(bytes: number): Frame<Message> | undefined {
    this.#filled += bytes;
    while (this.#filled === this.#target.byteLength) {
      const frame = this.#endPart();
      if (frame !== undefined) return frame;
    }
    return undefined;
  }

  /** @throws Error as `filled` does */
  *push(chunk: Buffer): Generator<Frame<Message>> {
    for (let at = 0; at < chunk.byteLength;) {
      const copied = chunk.copy(this.space, 0, at);
      at += copied;
      const frame = this.filled(copied);
      if (frame !== undefined) yield frame;
    }
  }

  #endPart(): Frame<Message> | undefined {
    const whole = this.#target;
    switch (this.#part) {
      case 'lengths': {
        const [message, body] = [whole.readUInt32LE(0), whole.readUInt32LE(4)];
        if (message > LONGEST_MESSAGE || body > LONGEST_BODY) {
          throw new Error(`a frame of ${message} + ${body} bytes`);
        }
        this.#begin('message', Buffer.allocUnsafe(message));
        return undefined;
      }
      case 'message': {
        const message: unknown = JSON.parse(whole.toString());
        if (!this.#isMessage(message)) throw new Error('a message of no known kind');
        this.#message = message;
        this.#begin('body', this.#memory(this.#lengths.readUInt32LE(4)));
        return undefined;
      }
      case 'body': {
        const message = this.#message;
        this.#message = undefined;
        this.#begin('lengths', this.#lengths);
        if (message === undefined) throw new Error('a body without its message');
        return { message, body: whole };
      }
    }
  }

  #begin(part: 'lengths' | 'message' | 'body', target: Buffer): void {
    this.#part = part;
    this.#target = target;
    this.#filled = 0;
  }
}

export function isRenderOrder(value: unknown): value is RenderOrder {
  // It comes from the process that has started this one: the kind tells the rest.
  return isRecord(value) && (value['kind'] === 'picture' || value['kind'] === 'letter');
}

export function isRendererMessage(value: unknown): value is RendererMessage {
  if (!isRecord(value)) return false;
  switch (value['kind']) {
    case 'ready':
      return true;
    case 'done':
      return typeof value['rssBytes'] === 'number' && isLengths(value['lengths']);
    case 'too_much_memory':
      return typeof value['rssBytes'] === 'number';
    case 'refused':
    case 'failed':
    case 'too_slow':
      return typeof value['reason'] === 'string';
    default:
      return false;
  }
}

function isLengths(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((each) => Number.isSafeInteger(each) && each >= 0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
