/** A topic goes up: what a crowd costs. */
import { expect, it } from 'vitest';
import { avatar, see, useForum } from './fixture.ts';

const forum = useForum();

it('1,000 requests for 20 sizes of a user cost one look-up, one GetObject and 20 variants', async () => {
  const { postgres, s3, start } = forum();
  const sizes = Array.from({ length: 20 }, (_, n) => 24 + 6 * n);
  const app = await start({ AVATAR_SIZES: sizes.join(' '), AVATAR_RENDERS: '2' });
  const names = ['bob', 'Bob', 'BOB'];
  const ids = ['10', '10_1', '10_2', '10abc_2'];
  const lookUps = await postgres.executions('WHERE u.username_lower');
  const reads = s3.requests();

  const replies = await Promise.all(
    Array.from({ length: 1000 }, (_, n) => {
      const size = sizes[n % sizes.length] ?? 0;
      const name = names[n % names.length] ?? '';
      const id = ids[Math.floor(n / 7) % ids.length] ?? '';
      return app.server.inject(`/user_avatar/host${n % 9}/${name}/${size}/${id}.png`);
    }),
  );

  const seen = await Promise.all(replies.map(see));
  expect(seen).toMatchObject(seen.map((_, n) => avatar(10, sizes[n % sizes.length] ?? 0)));
  expect((await postgres.executions('WHERE u.username_lower')) - lookUps).toBe(1);
  expect(s3.requests() - reads).toBe(1);
  expect(await app.metric('avatar_rendered_variants_total')).toBe(20);
  expect(await app.metric('avatar_requests_total', { outcome: 'rendered' })).toBe(20);
  expect(await app.metric('avatar_requests_total', { status: '200' })).toBe(1000);
  expect(await app.metric('avatar_directory_lookups_total', { result: 'found' })).toBe(1);
  expect(await app.metric('avatar_directory_lookups_total')).toBe(1);
});
