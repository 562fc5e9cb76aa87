import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Journal as AnyJournal } from '../../src/cli/journal.ts';
import { JournalError } from '../../src/cli/state-file.ts';

const Journal = {
  open: (file: string, of: string): Promise<AnyJournal> =>
    AnyJournal.open({
      file: `${file}.state`,
      of,
      csv: { file, head: ['user', 'cause'] },
      option: '--csv',
    }),
};

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'avatar-journal-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('a journal', () => {
  it('goes on from its last commit, without what was written after it', async () => {
    const file = join(folder, 'cut.csv');
    const first = await Journal.open(file, 'of this');
    first.count('broken');
    await first.step('a', ['amy', 'missing']);
    await first.commit();
    first.count('broken');
    await first.step('b', ['bob', 'missing']);
    await first.close();
    // Killed after the rows were written and before the state was.
    await appendFile(file, 'bob,missing\r\ncar');

    const second = await Journal.open(file, 'of this');
    expect(second.mark).toBe('a');
    expect(second.counts).toEqual(new Map([['broken', 1]]));
    second.count('broken');
    await second.step('b', ['bob', 'missing']);
    await second.commit(true);
    await second.close();
    expect(await readFile(file, 'utf8')).toBe('user,cause\r\namy,missing\r\nbob,missing\r\n');

    const third = await Journal.open(file, 'of this');
    expect(third.isFinished).toBe(true);
    expect(third.counts).toEqual(new Map([['broken', 2]]));
    await third.close();
  });

  it('begins anew when it was killed before its first commit', async () => {
    const file = join(folder, 'early.csv');
    await (await Journal.open(file, 'of this')).close();
    const again = await Journal.open(file, 'of this');
    await again.commit(true);
    await again.close();
    expect(await readFile(file, 'utf8')).toBe('user,cause\r\n');
  });

  it('touches no file that is not its own, nor one that has lost rows', async () => {
    const foreign = join(folder, 'foreign.csv');
    await writeFile(foreign, 'precious');
    await expect(Journal.open(foreign, 'of this')).rejects.toThrow('exists already');

    const lost = join(folder, 'lost.csv');
    const journal = await Journal.open(lost, 'of this');
    await journal.step('a', ['amy', 'missing']);
    await journal.commit();
    await journal.close();
    await expect(Journal.open(lost, 'of that')).rejects.toThrow('another configuration');
    await writeFile(lost, 'user');
    await expect(Journal.open(lost, 'of this')).rejects.toThrow('not as its state left it');
    await writeFile(`${lost}.state`, '{"version":2}');
    await expect(Journal.open(lost, 'of this')).rejects.toThrow('move it away');
  });

  it('is kept by the run that opened it last, and by no other', async () => {
    const own = join(folder, 'runs');
    await mkdir(own);
    const file = join(own, 'runs.csv');
    const first = await Journal.open(file, 'of this');
    await first.step('a', ['amy', 'missing']);
    await first.commit();
    await first.step('b', ['bob', 'missing']);
    const second = await Journal.open(file, 'of this');
    expect(second.mark).toBe('a');
    await expect(first.commit()).rejects.toMatchObject({
      name: 'JournalError',
      message: expect.stringContaining('another run'),
    });
    await first.close();
    await second.step('b', ['bob', 'broken']);
    await second.commit(true);
    await second.close();
    expect(await readFile(file, 'utf8')).toBe('user,cause\r\namy,missing\r\nbob,broken\r\n');
    // When it is done, to look at it takes it from nobody.
    const [third, fourth] = [
      await Journal.open(file, 'of this'),
      await Journal.open(file, 'of this'),
    ];
    await third.commit(true);
    await Promise.all([third.close(), fourth.close()]);
    expect((await readdir(own)).toSorted()).toEqual(['runs.csv', 'runs.csv.state']);
  });

  it('needs no rows, and can be done away with', async () => {
    const options = {
      file: join(folder, 'plain.state'),
      of: 'of this',
      option: '--state',
    } as const;
    const journal = await AnyJournal.open(options);
    journal.count('done', 3);
    await journal.step('a');
    await journal.commit();
    await journal.close();
    const again = await AnyJournal.open(options);
    expect(again.mark).toBe('a');
    expect(again.counts.get('done')).toBe(3);
    await again.remove();
    const anew = await AnyJournal.open(options);
    expect(anew.mark).toBeUndefined();
    await anew.close();
  });

  it('says in one line what keeps it from being kept', async () => {
    const away = join(folder, 'away');
    await mkdir(away);
    const file = join(away, 'rows.csv');
    const journal = await Journal.open(file, 'of this');
    await journal.step('a', ['amy', 'missing']);
    await rm(away, { recursive: true });
    await expect(journal.commit()).rejects.toMatchObject({
      name: 'JournalError',
      message: expect.stringMatching(/^\S+rows\.csv\.state cannot be kept: ENOENT[^\n]*$/),
    });
    await journal.close();
    await expect(Journal.open(file, 'of this')).rejects.toBeInstanceOf(JournalError);

    // What is no file cannot be gone on with, and it is not the rows that are wrong.
    await mkdir(join(folder, 'folder.csv.state'));
    await expect(Journal.open(join(folder, 'folder.csv'), 'of this')).rejects.toThrow(
      'cannot be kept: EISDIR',
    );
  });

  it('quotes what needs it, and disarms what a spreadsheet would run', async () => {
    const file = join(folder, 'quotes.csv');
    const journal = await Journal.open(file, 'of this');
    await journal.step('a', ['Amy, "the" first', '=HYPERLINK("x")']);
    await journal.commit(true);
    await journal.close();
    expect(await readFile(file, 'utf8')).toBe(
      'user,cause\r\n"Amy, ""the"" first","\'=HYPERLINK(""x"")"\r\n',
    );
  });
});
