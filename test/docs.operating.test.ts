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

  it('has instances of AWS replaced after the next are there, within what AWS allows', () => {
    const [, text = ''] = /start-instance-refresh [^']*--preferences '([^']+)'/.exec(page) ?? [];
    const preferences: unknown = JSON.parse(text);
    // "the difference between them cannot be greater than 100", and 200 is the most.
    expect(preferences).toEqual({ MinHealthyPercentage: 100, MaxHealthyPercentage: 200 });
  });

  it('names no variable that there is not', () => {
    const variables = Array.from(page.matchAll(/\b(?:AVATAR|ADMIN)_[A-Z_]+/g), ([name]) => name);
    expect(variables.filter((name) => !(name in EnvironmentSchema.properties))).toEqual([]);
  });
});
