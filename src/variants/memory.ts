import { LRUCache } from 'lru-cache';
import type { Variant, VariantCache } from '../avatar/ports.ts';

/** What a cached variant costs besides its bytes: key, tag, objects, prepared headers. */
export const VARIANT_OVERHEAD_BYTES = 1024;

type MemoryVariants = VariantCache & { readonly bytes: number; readonly count: number };

/** Keeps finished variants in memory, bounded by bytes; the least recently asked for leaves first. */
export function createMemoryVariants(maxBytes: number): MemoryVariants {
  const cache = new LRUCache<string, Variant>({
    maxSize: maxBytes,
    sizeCalculation: ({ bytes }) => bytes.byteLength + VARIANT_OVERHEAD_BYTES,
  });
  return {
    get: (key) => cache.get(key),
    set(key, variant, ttl = 0) {
      // To the cache, a ttl of 0 is none.
      cache.set(key, { ...variant, bytes: withoutSlack(variant.bytes) }, { ttl });
    },
    get bytes() {
      return cache.calculatedSize;
    },
    get count() {
      return cache.size;
    },
  };
}

/** A small view keeps the whole of its large memory alive, which no budget would count. */
function withoutSlack(bytes: Buffer): Buffer {
  return bytes.buffer.byteLength === bytes.byteLength
    ? bytes
    : Buffer.from(new Uint8Array(bytes).buffer);
}
