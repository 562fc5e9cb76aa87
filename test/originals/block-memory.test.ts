import { describe, expect, it } from 'vitest';
import { BlockMemory } from '../../src/originals/block-memory.ts';

describe('memory for originals', () => {
  it('is used again for what is about as large', () => {
    const memory = new BlockMemory(1e6);
    const first = memory.take(100_000);
    memory.giveBack(first.subarray(0, 50));
    const second = memory.take(99_000);
    expect(second.length).toBe(99_000);
    expect(second.buffer).toBe(first.buffer);
    expect(memory.take(99_000).buffer).not.toBe(first.buffer);
  });

  it('is not lent to two at once, however often it is given back', () => {
    const memory = new BlockMemory(1e6);
    const lent = memory.take(100_000);
    memory.giveBack(lent);
    memory.giveBack(lent);
    expect(memory.take(100_000).buffer).not.toBe(memory.take(100_000).buffer);
  });

  it('takes nothing that was not its own', () => {
    const memory = new BlockMemory(1e6);
    const other = Buffer.allocUnsafeSlow(114_688);
    memory.giveBack(other);
    expect(memory.take(114_688).buffer).not.toBe(other.buffer);
  });

  it('keeps no more than it may', () => {
    const memory = new BlockMemory(150_000);
    const [first, second] = [memory.take(100_000), memory.take(100_000)];
    memory.giveBack(first);
    memory.giveBack(second);
    expect(memory.take(100_000).buffer).toBe(first.buffer);
    expect(memory.take(100_000).buffer).not.toBe(second.buffer);
  });

  it('frees at once what it does not keep', () => {
    const memory = new BlockMemory(0);
    const before = process.memoryUsage().arrayBuffers;
    const lent = Array.from({ length: 20 }, () => memory.take(4e6));
    expect(process.memoryUsage().arrayBuffers - before).toBeGreaterThan(79e6);
    for (const each of lent) memory.giveBack(each);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e6);
    expect(lent.map(({ length }) => length)).toEqual(lent.map(() => 0));
  });

  it('wastes at most a quarter', () => {
    const memory = new BlockMemory(0);
    for (let bytes = 32 * 1024; bytes < 8e6; bytes = Math.ceil(bytes * 1.07)) {
      expect(memory.take(bytes).buffer.byteLength / bytes).toBeLessThanOrEqual(1.25);
    }
  });
});
