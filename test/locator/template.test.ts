import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AvatarError } from '../../src/errors.ts';
import { createTemplateLocator, parseTemplates } from '../../src/locator/template.ts';
import { type AvatarRequest, parseAvatarPath } from '../../src/vocabulary/request.ts';

const never = new AbortController().signal;

const part = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('{host}', '{user}', '{id}', 'avatars', '{upload}.png') },
  fc.constantFrom('{version}', '.{version}', '{user}{version}', '..{user}', '{id}|{user}', '..'),
  fc.string({ maxLength: 4 }),
);
const template = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));

const user = fc.oneof(
  fc.constantFrom('.', '..', '...', '%2e', '%2e%2e', '%2f', 'a.b', '%00', '%F0%9F%8E%89', '{id}'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }).map(encodeURIComponent),
);
const path = fc
  .tuple(fc.constantFrom('h', 'A.b', '..', 'a..b'), user, fc.constantFrom('1', '5_2', 'a-b', '..'))
  .map(([host, user, id]) => `${host}/${user}/48/${id}.png`);

describe('a key from a template', () => {
  it('has the segments of the template, whatever is asked for', async () => {
    let keysSeen = 0;
    const property = fc.asyncProperty(template, path, async (text, asked) => {
      const templates = parseTemplates(text);
      if ('error' in templates) return;
      const request = requestOf(asked);
      if (request === undefined) return;
      const whereabouts = await createTemplateLocator(templates).locate(request, never);
      if (whereabouts.kind !== 'at') return;
      const depths = text.split('|').map((alternative) => alternative.split('/').length);
      for (const key of whereabouts.keys) {
        keysSeen += 1;
        const segments = key.split('/');
        expect(depths).toContain(segments.length);
        expect(segments.filter((part) => ['', '.', '..'].includes(part))).toEqual([]);
      }
    });
    await fc.assert(property, { numRuns: 5000, seed: 3 });
    expect(keysSeen).toBeGreaterThan(100);
  });
});

function requestOf(path: string): AvatarRequest | undefined {
  try {
    return parseAvatarPath(path);
  } catch (error) {
    if (error instanceof AvatarError) return undefined;
    throw error;
  }
}
