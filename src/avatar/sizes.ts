import { AvatarError } from '../errors.ts';

/** Which sizes are served. Without a list, every size the grammar allows. */
export type SizePolicy = {
  /** Never empty, and in the order listed, which decides between two sizes equally near. */
  readonly listed?: readonly number[] | undefined;
  readonly unlisted: 'nearest' | 'reject';
};

/**
 * Chooses the size to serve; if it is not the one asked for, the client is sent to it.
 * @throws AvatarError `size_not_served`
 */
export function chooseSize(policy: SizePolicy, asked: number): number {
  const { listed } = policy;
  if (listed === undefined || listed.includes(asked)) return asked;
  if (policy.unlisted === 'reject') throw new AvatarError('size_not_served');
  return nearest(listed, asked);
}

/**
 * A tie goes to the size listed first, as Discourse has it: to the smaller one in its own list, where 36
 * between 24 and 48 is 24, and in ours, which are ascending.
 */
function nearest(listed: readonly number[], asked: number): number {
  return listed.reduce((best, size) =>
    Math.abs(size - asked) < Math.abs(best - asked) ? size : best,
  );
}
