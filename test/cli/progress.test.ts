import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Output } from '../../src/cli/output.ts';
import { Progress } from '../../src/cli/progress.ts';

function streams(options: { isTTY: boolean; json: boolean; columns?: number }): {
  output: Output;
  results: string[];
  remarks: string[];
} {
  const results: string[] = [];
  const remarks: string[] = [];
  const { json, ...rest } = options;
  const output = new Output(
    json,
    { write: (text) => results.push(text) },
    { ...rest, write: (text) => remarks.push(text) },
  );
  return { output, results, remarks };
}

describe('progress', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('is a bar on a terminal, no wider than it, and gone at the end', () => {
    const { output, remarks } = streams({ isTTY: true, json: false, columns: 60 });
    {
      using progress = new Progress(output, 200);
      for (let step = 0; step < 50; step += 1) progress.step('3 broken');
      vi.advanceTimersByTime(1000);
      expect(remarks.at(-1)).toContain('[######..................] 50 of 200 · 3 broken');
      expect(remarks.every((text) => text.startsWith('\r') && text.length <= 60 + 4)).toBe(true);
    }
    expect(remarks.at(-1)).toBe('\r\u001B[K');
  });

  it('leaves a line to what is told meanwhile', () => {
    const { output, results, remarks } = streams({ isTTY: true, json: false });
    using progress = new Progress(output, 200);
    progress.step('');
    vi.advanceTimersByTime(200);
    output.tell({ event: 'broken' }, 'one is broken');
    expect(remarks.at(-1)).toBe('\r\u001B[K');
    expect(results).toEqual(['one is broken\n']);
    vi.advanceTimersByTime(200);
    output.remark('a renderer died');
    expect(remarks.slice(-2)).toEqual(['\r\u001B[K', 'a renderer died\n']);
  });

  it('is a plain line now and then elsewhere', () => {
    const { output, remarks } = streams({ isTTY: false, json: false });
    using progress = new Progress(output, 200);
    for (let step = 0; step < 100; step += 1) progress.step('3 broken');
    vi.advanceTimersByTime(9999);
    expect(remarks).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(remarks).toEqual(['100 of 200 · 3 broken · 10/s · 0:10 left\n']);
  });

  it('is an object now and then for programs, and nothing beside it', () => {
    const { output, results, remarks } = streams({ isTTY: true, json: true });
    using progress = new Progress(output, undefined);
    for (let step = 0; step < 100; step += 1) progress.step('');
    vi.advanceTimersByTime(10_000);
    expect(results.map((text): unknown => JSON.parse(text))).toEqual([
      { event: 'progress', done: 100, total: null, perSecond: 10 },
    ]);
    expect(remarks).toEqual([]);
  });
});
