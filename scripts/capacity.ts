/** Writes the tables of docs/capacity.md: `npm run capacity`. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { capacityTable } from '../plan/capacity.ts';
import { withSection } from './sections.ts';

const file = join(import.meta.dirname, '..', 'docs', 'capacity.md');
const text = await readFile(file, 'utf8');
const withFirst = withSection(text, 'bucket first', capacityTable(true));
await writeFile(file, withSection(withFirst, 'service first', capacityTable(false)));
