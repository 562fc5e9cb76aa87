import { expect, it } from 'vitest';
import { Verdicts } from '../../src/avatar/verdicts.ts';
import { AvatarError } from '../../src/errors.ts';
import { heapInUse } from '../support/heap.ts';

const FLOOD = 20_000;

/** That shares no part with others, which would take less. */
function ownText(text: string): string {
  return Buffer.from(text).toString();
}

function fill(verdicts: Verdicts, nameOf: (index: number) => string): void {
  for (let index = 0; index < FLOOD; index += 1) {
    const name = nameOf(index);
    const detail = ownText(`no store has ${name} or faces/${name}`);
    verdicts.remember(name, new AvatarError('avatar_missing', { detail }), 60_000);
  }
}

it('remembers twenty thousand that are missing', () => {
  const verdicts = new Verdicts();
  const nameOf = (index: number): string => `forum.example/user-${index}/1`;
  fill(verdicts, nameOf);
  for (const index of [0, FLOOD - 1]) {
    expect(() => verdicts.check(nameOf(index))).toThrow(`no store has ${nameOf(index)} or faces/`);
  }
});

it('takes no more memory for names that are as long as they may be', () => {
  const verdicts = new Verdicts();
  const before = heapInUse();
  const host = 'h'.repeat(253);
  const nameOf = (index: number): string =>
    ownText(`${host}/${'名'.repeat(80)}${index}/${'a'.repeat(64)}`);
  fill(verdicts, nameOf);
  expect(heapInUse() - before).toBeLessThan(20e6);
  expect(() => verdicts.check(nameOf(FLOOD - 1))).toThrow(AvatarError);
  expect(() => verdicts.check(nameOf(0))).not.toThrow();
});
