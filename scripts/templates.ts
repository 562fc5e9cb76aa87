/** Writes the edge function into the CloudFormation template: `npm run templates`. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withFunction } from './edge-function.ts';

const folder = join(import.meta.dirname, '..', 'deploy');
const file = join(folder, 'aws', 'avatar-proxy.yaml');
const code = await readFile(join(folder, 'cloudfront', 'normalize-accept.js'), 'utf8');
await writeFile(file, withFunction(await readFile(file, 'utf8'), code));
