import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EnvironmentSchema } from '../src/config/schema.ts';
import { PictureHeaders, PLAIN_STYLE } from '../src/http/headers.ts';

const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'operating.md'), 'utf8');

describe('docs/operating.md', () => {
  it('says how long each redirect may be kept', () => {
    const headers = new PictureHeaders(PLAIN_STYLE);
    const rows = page.split('\n## Redirects\n')[1]?.split('\n\nThey ')[0] ?? '';
    for (const because of ['size', 'upload'] as const) {
      const { 'cache-control': control } = headers.ofRedirect('/', because);
      expect(rows).toMatch(new RegExp(`\\| an? ${because} that .*: \`${control}\` *\\|`));
    }
  });

  it('names no variable that there is not', () => {
    const variables = Array.from(page.matchAll(/\b(?:AVATAR|ADMIN)_[A-Z_]+/g), ([name]) => name);
    expect(variables.filter((name) => !(name in EnvironmentSchema.properties))).toEqual([]);
  });
});
