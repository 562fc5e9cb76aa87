import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeHead, FrameReader, isRendererMessage } from '../../src/render/protocol.ts';

/** Cuts bytes into pieces at the given places, as a socket might deliver them. */
function* pieces(bytes: Buffer, cuts: readonly number[]): Generator<Buffer> {
  const places = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted(
    (a, b) => a - b,
  );
  let from = 0;
  for (const to of places) {
    yield bytes.subarray(from, to);
    from = to;
  }
}

describe('frames', () => {
  it('arrive whole and in order, however the stream is cut', () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 5 });
    const cuts = fc.array(fc.nat(), { maxLength: 20 });
    fc.assert(
      fc.property(bodies, cuts, (sent, places) => {
        const stream = Buffer.concat(
          sent.flatMap((body, rssBytes) => [
            encodeHead({ kind: 'done', lengths: [body.length], rssBytes }, body.length),
            body,
          ]),
        );
        const reader = new FrameReader(isRendererMessage);
        const received = [...pieces(stream, places)].flatMap((piece) => [...reader.push(piece)]);
        expect(received.map(({ body }) => [...body])).toEqual(sent.map((body) => [...body]));
        expect(received.map(({ message }) => message)).toEqual(
          sent.map(({ length }, rssBytes) => ({ kind: 'done', lengths: [length], rssBytes })),
        );
      }),
    );
  });

  it('that claim gigabytes are not waited for', () => {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(10, 0);
    head.writeUInt32LE(0xffff_ffff, 4);
    expect(() => [...new FrameReader(isRendererMessage).push(head)]).toThrow('a frame of');
  });

  it('of no known kind are refused', () => {
    const json = Buffer.from('{"kind":"exec"}');
    const head = Buffer.alloc(8);
    head.writeUInt32LE(json.length, 0);
    const reader = new FrameReader(isRendererMessage);
    expect(() => [...reader.push(Buffer.concat([head, json]))]).toThrow('no known kind');
  });
});
