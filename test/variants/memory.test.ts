import { expect, it } from 'vitest';
import { createMemoryVariants } from '../../src/variants/memory.ts';
import { variantOf } from './s3.fixture.ts';

it('forgets what was to be kept for a while only', async () => {
  const memory = createMemoryVariants(1e6);
  memory.set('short', variantOf('short'), 1);
  memory.set('long', variantOf('long'));
  await expect.poll(() => memory.get('short')).toBeUndefined();
  expect(memory.get('long')).toMatchObject({ bytes: Buffer.from('long') });
});

it('keeps what comes for good in place of what was to go', async () => {
  const memory = createMemoryVariants(1e6);
  memory.set('other', variantOf('other'), 1);
  memory.set('same', variantOf('doubtful'), 1);
  memory.set('same', variantOf('sure'));
  await expect.poll(() => memory.get('other')).toBeUndefined();
  expect(memory.get('same')).toMatchObject({ bytes: Buffer.from('sure') });
});
