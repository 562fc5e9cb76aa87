/** Letter avatars beside photos: what one costs that is not in memory, through the service. */
import { join } from 'node:path';
import { type BenchContext, runAlone } from './support/bench.ts';
import { askForAll, avatarPath } from './support/misses.ts';
import { drawPictures, giveToUsers, pictureNamed } from './support/pictures.ts';
import { type Service, startService } from './support/service.ts';
import { ratios } from './support/statistics.ts';
import { type Report, type Target, withSpread } from './support/table.ts';

const AT_ONCE = 8;
const SIZES = [48, 96, 360] as const;
/** What names begin with; after the first round the shapes of all of them are known. */
const LETTERS = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ЖЯΩשقกあア한강漢字龍');
/** Hangul syllables, of which there are more than shapes are remembered. */
const FIRST_SYLLABLE = 0xac00;
const SYLLABLES = 11_172;

export async function letters({ quick, workshop, say }: BenchContext): Promise<Report> {
  const [rounds, perRound] = quick ? [3, 40] : [7, 200];
  const picture = pictureNamed(await drawPictures(join(workshop.folder, 'pictures')), 'avatar');
  const folder = join(workshop.folder, 'originals');
  const count = (rounds + 1) * perRound * SIZES.length;
  const users = Array.from({ length: count }, (_, index) => `user-${index}`);
  await giveToUsers(
    folder,
    users.map((user) => ({ user, picture })),
  );
  const AVATAR_ORIGINALS = `file:${folder}`;
  const photos = await startService(workshop, { env: { AVATAR_ORIGINALS } });
  const drawings = await startService(workshop, {
    env: {
      AVATAR_ORIGINALS,
      AVATAR_LOCATOR: 'discourse',
      // Letters need no database.
      AVATAR_DISCOURSE_URL: 'postgres://nobody@127.0.0.1:1/none',
    },
  });
  say(`${rounds} rounds of ${perRound} each in ${SIZES.length} sizes`);

  let asked = 0;
  const cpu = new Map<string, number[]>();
  const measure = async (
    name: string,
    service: Service,
    pathOf: (index: number) => string,
  ): Promise<void> => {
    const urls = Array.from({ length: perRound }, (_, n) => service.url + pathOf(asked + n));
    const { cpuMsEach } = await askForAll(workshop, urls, { pid: service.pid, atOnce: AT_ONCE });
    cpu.set(name, [...(cpu.get(name) ?? []), cpuMsEach]);
  };
  for (let round = 0; round <= rounds; round += 1) {
    for (const size of SIZES) {
      await measure(`photo, ${size} px`, photos, (index) =>
        avatarPath({ user: users[index] ?? '', size, format: 'jpg' }),
      );
      await measure(`letter, ${size} px`, drawings, (index) =>
        letterPath(LETTERS[index % LETTERS.length] ?? '', index, size),
      );
      await measure(`new letter, ${size} px`, drawings, (index) =>
        letterPath(String.fromCodePoint(FIRST_SYLLABLE + ((index * 7) % SYLLABLES)), index, size),
      );
      asked += perRound;
    }
    // The first is not counted: compilers warm up, fonts are opened.
    if (round === 0) cpu.clear();
    say(`round ${round} of ${rounds}`);
  }
  const of = (name: string): number[] => cpu.get(name) ?? [];
  const shareOf = (kind: string, size: number): number[] =>
    ratios(of(`${kind}, ${size} px`), of(`photo, ${size} px`));
  return {
    title: 'Letters',
    about:
      'Letter avatars at their own addresses, each of another colour, beside a JPEG of 400 px given as JPEG in the same ' +
      `size, each of another user: none is in memory. Letters of ten scripts, whose shapes are known after the first ` +
      `round; and new ones, Hangul syllables never drawn before. CPU of all processes of each service; ${AT_ONCE} at ` +
      `once; ${rounds} interleaved rounds of ${perRound}.`,
    tables: [
      {
        head: ['size', 'photo, CPU ms', 'letter, CPU ms', 'new letter, CPU ms'],
        rows: SIZES.map((size) => [
          `${size} px`,
          ...['photo', 'letter', 'new letter'].map((kind) => withSpread(of(`${kind}, ${size} px`))),
        ]),
      },
    ],
    targets: SIZES.flatMap((size): Target[] => [
      { what: `CPU of a letter ÷ a photo, ${size} px`, values: shareOf('letter', size), atMost: 1 },
      {
        what: `CPU of a new one ÷ a photo, ${size} px`,
        values: shareOf('new letter', size),
        atMost: 1,
      },
    ]),
    notes: [],
    plots: [],
  };
}

/** Each index has another colour. */
function letterPath(letter: string, index: number, size: number): string {
  const colour = ((index * 40_503) % 0x1000000).toString(16).padStart(6, '0');
  return `/letter_avatar_proxy/v4/letter/${encodeURIComponent(letter)}/${colour}/${size}.png`;
}

if (import.meta.main) await runAlone(letters);
