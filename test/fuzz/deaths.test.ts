import { describe, expect, it } from 'vitest';
import { Deaths } from '../../fuzz/deaths.ts';
import { complaintOf } from '../../fuzz/target.ts';
import { FAULTS } from '../../src/errors.ts';
import { RenderKilled } from '../../src/render/worker-slot.ts';

function died(name: string): string {
  return `{"level":50,"original":"file:/tmp/x/fuzz/${name}/1@1-2","msg":"a renderer died over a picture"}\n`;
}

function mutant(name: string, length = 1): { name: string; bytes: Buffer } {
  return { name, bytes: Buffer.alloc(length) };
}

describe('deaths of renderers in the log', () => {
  it('are laid to their mutants, however late their lines come, and in what pieces', () => {
    const deaths = new Deaths();
    const [first, second] = [mutant('1-1.png'), mutant('1-2.gif')];
    deaths.sent(first);
    expect(deaths.in('')).toEqual([]);
    deaths.sent(second);
    const log = `{"msg":"ready"}\n${died('1-1.png')}${died('again-1-2.gif')}`;
    const found = Array.from(log, (_, end) => deaths.in(log.slice(0, end + 1))).flat();
    expect(found.map((each) => each.mutant)).toEqual([first, second]);
    expect(found.map(({ line }) => `${line}\n`).join('')).toBe(log.slice(log.indexOf('\n') + 1));
    expect(deaths.in(log)).toEqual([]);
  });

  it('are told of even where the mutant is forgotten, of which there are so many', () => {
    const deaths = new Deaths();
    for (let n = 0; n < 3; n += 1) deaths.sent(mutant(`large-${n}`, 100e6));
    const log = [0, 1, 2].map((n) => died(`large-${n}`)).join('');
    const found = deaths.in(log).map((each) => each.mutant?.name);
    expect(found).toEqual([undefined, 'large-1', 'large-2']);
  });
});

describe('a renderer killed for its time', () => {
  it.each([
    ['was kept waiting', 'killed after 2366 ms, 120 of them its own doing', true],
    ['worked', 'killed after 6000 ms, 5900 of them its own doing', false],
    ['hung', 'killed after 6000 ms, 6000 of them its own doing', false],
    ['crashed', 'renderer 17 ended with SIGSEGV', false],
  ])('that %s is told from others', (_how, reason, isStarved) => {
    const line = died('1-1.png').replace('"msg"', `"reason":"${reason}","msg"`);
    expect(new Deaths().in(line)).toMatchObject([{ isStarved }]);
  });

  it('is found by the words that the service has for it', () => {
    const { detail } = new RenderKilled({ elapsedMs: 2366, ms: 120 });
    const line = died('1-1.png').replace('"msg"', `"reason":"${detail}","msg"`);
    expect(new Deaths().in(line)).toMatchObject([{ isStarved: true }]);
  });
});

describe('an answer for a mutant', () => {
  const asked = { size: 48, extension: 'png' } as const;

  it('is a verdict on it, but not that it killed renderers', () => {
    const verdicts = Object.entries(FAULTS)
      .filter(([, { status }]) => status === 422)
      .map(([code]) => code);
    const accepted = verdicts.filter((code) => {
      const body = Buffer.from(JSON.stringify({ code }));
      return complaintOf(422, body, asked) === undefined;
    });
    expect(accepted).toEqual(verdicts.filter((code) => code !== 'original_quarantined'));
    expect(accepted.length).toBeGreaterThan(4);
  });
});
