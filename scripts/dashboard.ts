/** Writes Grafana's dashboard: `npm run dashboard`. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dashboard } from './dashboard/model.ts';

const file = join(import.meta.dirname, '..', 'deploy', 'grafana', 'dashboard.json');
await writeFile(file, `${JSON.stringify(dashboard(), null, 2)}\n`);
