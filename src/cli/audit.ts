/** `avatar-proxy audit`: every avatar looked at before somebody misses one. */
import { type Config, loadConfig } from '../config/load.ts';
import type { CurrentAvatar, Walk } from '../locator/walk.ts';
import { type Attempt, attempt, detailOf } from './attempt.ts';
import type { Call, Command } from './command.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { Journal } from './journal.ts';
import { askFor, keysLeft, missingUnder } from './original.ts';
import type { Output } from './output.ts';
import { DEFAULT_RATE, openParts, type Parts, RENDERED_WITHIN_MS } from './parts.ts';
import { count } from './progress.ts';
import { openWalk, readSelection, SELECTION_OPTIONS, storesOf } from './selection.ts';
import { IN_VAIN, isInVain, PASSED_OVER, visitAll, VISITED } from './visit-all.ts';

const DEFAULT_FILE = 'avatar-audit.csv';
const HEAD = ['site', 'user', 'id', 'cause', 'detail', 'key'];
/** Decoding is what is tested: the smaller, the faster. */
const SIZE = 24;

export const audit: Command = {
  name: 'audit',
  summary: 'read and decode every current avatar, and list those that are broken',
  details: [
    'Walks the avatars of all users of a Discourse database, or with a template every key there is,\n' +
      'reads each original from the configured stores and decodes it. Writes nothing but its own files.',
    'Exit code 0 when all are sound, 1 when some are broken or there was none to look at (with --since and\n' +
      'in a young forum there may be none), 2 when it could not go on. Run it again to go on where it was\n' +
      'stopped, by whatever.',
  ],
  options: {
    csv: {
      value: 'FILE',
      description: `where broken avatars are listed; default ${DEFAULT_FILE}; FILE.state says how far it is`,
    },
    rate: { value: 'N', description: `objects read a second at the most; default ${DEFAULT_RATE}` },
    ...SELECTION_OPTIONS,
  },
  async run(call): Promise<ExitCode> {
    const config = await loadConfig(call.variables);
    const walk = await openWalk(config, readSelection(call.values));
    try {
      return await auditAll(config, walk, call);
    } finally {
      await walk.close();
    }
  },
};

async function auditAll(config: Config, walk: Walk, call: Call): Promise<ExitCode> {
  const { values, output, signal } = call;
  const file = values.text('csv') ?? DEFAULT_FILE;
  const rate = values.number('rate') ?? DEFAULT_RATE;
  const journal = await Journal.open({
    file: `${file}.state`,
    of: JSON.stringify(['audit', storesOf(config), walk.name]),
    csv: { file, head: HEAD },
    option: '--csv',
  });
  try {
    if (journal.isFinished) {
      output.tellPrograms({ event: 'finished', csv: file });
      output.remark(`${file} is finished: name another file to begin anew`);
    } else {
      const parts = await openParts(config, { rate, output });
      try {
        await parts.probe(signal);
        await visitAll({
          walk,
          journal,
          output,
          signal,
          atOnce: parts.atOnce,
          visit: (avatar) => attempt(signal, () => decode(avatar, parts, signal)),
          ask: (avatar) => attempt(signal, () => askFor(avatar, parts.originals, signal)),
          record: (avatar, result) => record(journal, output, avatar, result),
          remark: () => `${count(brokenIn(journal))} broken`,
        });
      } finally {
        await parts.close();
      }
    }
    const inVain = isInVain(journal, walk);
    // Where nobody was met there is nothing to go on from: the same command looks again.
    if (inVain) await journal.remove();
    return summarise(journal, { file, inVain }, output);
  } finally {
    await journal.close();
  }
}

/** As for a request, without what comes after. */
async function decode(
  avatar: CurrentAvatar,
  { originals, vectors, inspector, renderer }: Parts,
  signal: AbortSignal,
): Promise<'sound' | undefined> {
  const keys = await keysLeft(avatar, originals, signal);
  if (keys === undefined) return undefined;
  const original = await originals.read(keys, { signal });
  if (original === undefined || original === 'unchanged') throw missingUnder(keys);
  const { bytes, identity } = original;
  if (vectors.accepts(bytes)) return 'sound';
  const inspected = inspector.inspect(bytes);
  const dueAt = performance.now() + RENDERED_WITHIN_MS;
  await renderer.render(
    {
      original: inspected,
      size: SIZE,
      format: 'png',
      identity,
      site: avatar.site,
      client: 'audit',
      user: avatar.user,
      dueAt,
    },
    signal,
  );
  original.release?.();
  return 'sound';
}

const BROKEN = 'broken: ';

function record(
  journal: Journal,
  output: Output,
  { site, user, id, keys, met }: CurrentAvatar,
  result: Attempt<'sound'>,
): readonly string[] | undefined {
  if (result.kind === 'done') return undefined;
  const { code: cause } = result.error;
  const detail = detailOf(result.error);
  journal.count(BROKEN + cause);
  output.tellPrograms({ event: 'broken', site, user, id, cause, detail, keys });
  return [site, user, id, cause, detail, met?.key ?? keys[0] ?? ''];
}

function summarise(
  { counts }: Journal,
  { file, inVain }: { readonly file: string; readonly inVain: boolean },
  output: Output,
): ExitCode {
  const causes = [...counts]
    .filter(([name]) => name.startsWith(BROKEN))
    .map(([name, avatars]) => [name.slice(BROKEN.length), avatars] as const)
    .toSorted(([, a], [, b]) => b - a);
  const [checked, passedOver] = [counts.get(VISITED) ?? 0, counts.get(PASSED_OVER) ?? 0];
  const broken = brokenIn({ counts });
  output.tell(
    {
      event: 'end',
      checked,
      broken,
      causes: Object.fromEntries(causes),
      passedOver,
      csv: inVain ? null : file,
    },
    [
      `${count(checked)} avatars checked, ${count(broken)} broken`,
      ...causes.map(([cause, avatars]) => `${count(avatars).padStart(8)}  ${cause}`),
      ...(passedOver === 0
        ? []
        : [`${count(passedOver)} keys are no avatars by AVATAR_LOCATOR, or hidden by another key`]),
      ...(broken === 0 ? [] : [`They are listed in ${file}`]),
      ...(inVain ? [IN_VAIN] : []),
    ].join('\n'),
  );
  return broken === 0 && !inVain ? EXIT.ok : EXIT.findings;
}

function brokenIn({ counts }: Pick<Journal, 'counts'>): number {
  let sum = 0;
  for (const [name, avatars] of counts) if (name.startsWith(BROKEN)) sum += avatars;
  return sum;
}
