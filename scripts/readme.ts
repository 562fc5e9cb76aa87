/** Writes the generated parts of the README: `npm run readme`. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configurationTable } from './configuration-table.ts';
import { withSection } from './sections.ts';

const file = join(import.meta.dirname, '..', 'README.md');
const readme = await readFile(file, 'utf8');
await writeFile(file, withSection(readme, 'configuration', configurationTable()));
