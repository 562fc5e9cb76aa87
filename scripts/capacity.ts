/** Writes the tables of docs/capacity.md: `npm run capacity`. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { capacityDigest, capacityTable } from '../plan/capacity.ts';
import { withSection } from './sections.ts';

const file = join(import.meta.dirname, '..', 'docs', 'capacity.md');
const text = await readFile(file, 'utf8');
const [bucketFirst, serviceFirst] = [capacityTable(true), capacityTable(false)];
const sections = {
  'bucket first': bucketFirst,
  'service first': serviceFirst,
  'made of': `<!-- ${capacityDigest([bucketFirst, serviceFirst])} -->`,
};
const written = Object.entries(sections).reduce(
  (document, [name, content]) => withSection(document, name, content),
  text,
);
await writeFile(file, written);
