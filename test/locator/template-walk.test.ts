import { describe, expect, it } from 'vitest';
import { createTemplateWalk } from '../../src/locator/template-walk.ts';
import { createTemplateLocator, parseTemplates } from '../../src/locator/template.ts';
import type { Selection, Step } from '../../src/locator/walk.ts';
import type { Listing } from '../../src/vocabulary/keys.ts';
import { parseAvatarPath } from '../../src/vocabulary/request.ts';

function listing(keys: string[], asked: string[] = []): Listing {
  return {
    name: 'test',
    async *list(prefix) {
      asked.push(prefix);
      for (const key of keys) yield await Promise.resolve({ key, lastModified: new Date(0) });
    },
    close: () => undefined,
  };
}

async function walk(
  template: string,
  keys: string[],
  selection: Selection = {},
  asked: string[] = [],
  host?: string,
): Promise<Step[]> {
  const templates = parseTemplates(template);
  if ('error' in templates) throw new Error(templates.error);
  const steps: Step[] = [];
  const listings = [listing(keys, asked)];
  const walked = createTemplateWalk({ templates, listings, selection, host });
  for await (const step of walked.steps(undefined, new AbortController().signal)) steps.push(step);
  return steps;
}

describe('the walk by a template', () => {
  it('reads host, user and upload out of a key', async () => {
    const [step] = await walk('av/{host}/{user}/{upload}_{version}.png', [
      'av/meta.example.org/Łukasz 🦉/52330_2.png',
    ]);
    expect(step?.avatar).toMatchObject({
      site: 'meta.example.org',
      host: 'meta.example.org',
      user: 'Łukasz 🦉',
      id: '52330_2',
      keys: ['av/meta.example.org/Łukasz 🦉/52330_2.png'],
    });
  });

  it('goes through what all alternatives begin with, and knows the keys of each', async () => {
    const asked: string[] = [];
    const steps = await walk(
      'faces/{user}/{id}.png|faces/{user}/{id}.jpg|fallback/{id}',
      ['faces/amy/1.png', 'faces/bob/2_1.jpg', 'fallback/7', 'faces/eve/3.gif'],
      {},
      asked,
    );
    expect(asked).toEqual(['fa']);
    expect(steps.map(({ avatar }) => avatar && [avatar.host, avatar.user, avatar.id])).toEqual([
      [undefined, 'amy', '1'],
      [undefined, 'bob', '2_1'],
      [undefined, '', '7'],
      undefined,
    ]);
  });

  it('knows where a request looks for the original of a key it came upon, in the same order', async () => {
    const template =
      'b/{host}/{user}/{upload}.png|a/{host}/{user}/{id}|c/{user}/{upload}_{version}';
    const templates = parseTemplates(template);
    if ('error' in templates) throw new Error(templates.error);
    const locator = createTemplateLocator(templates);
    const signal = new AbortController().signal;
    const keys = ['a/h.org/amy/5_2', 'b/h.org/amy/5.png', 'c/amy/5_2'];
    const steps = await walk(template, keys, {}, [], 'h.org');
    expect(steps).toHaveLength(3);
    for (const { avatar, mark } of steps) {
      const { user = '', id = '' } = avatar ?? {};
      const path = `h.org/${user}/48/${id}.png`;
      const whereabouts = await locator.locate(parseAvatarPath(path), signal);
      expect(whereabouts).toMatchObject({ kind: 'at', keys: avatar?.keys });
      expect(avatar).toMatchObject({ host: 'h.org', met: { key: mark } });
    }
    expect(steps[0]?.avatar?.keys).toEqual(['b/h.org/amy/5.png', 'a/h.org/amy/5_2', 'c/amy/5_2']);
    // `{upload}` is met as an avatar without a version, which is another address.
    expect(steps.map(({ avatar }) => avatar?.id)).toEqual(['5_2', '5', '5_2']);
    expect(steps.map(({ avatar }) => avatar?.met?.sooner)).toEqual([[], [], ['a/h.org/amy/5_2']]);
    // Where nothing tells the host, what needs it is left out.
    const [, , third] = await walk(template, keys);
    expect(third?.avatar).toMatchObject({ host: undefined, keys: ['c/amy/5_2'] });
  });

  it('passes a key no address leads to, though it looks like one', async () => {
    const steps = await walk('{user}/{id}/{upload}', ['amy/5_2/5', 'amy/5_2/7']);
    expect(steps.map(({ avatar }) => avatar?.id)).toEqual(['5_2', undefined]);
  });

  it("takes a key's own host before the one that was said", async () => {
    const template = 'h/{host}/{user}/{id}|u/{user}/{id}';
    const steps = await walk(template, ['h/a.org/amy/1', 'u/bob/1'], {}, [], 'b.org');
    expect(steps.map(({ avatar }) => [avatar?.site, avatar?.host])).toEqual([
      ['a.org', 'a.org'],
      ['b.org', 'b.org'],
    ]);
  });

  it('takes for avatars only what an address can name', async () => {
    const strays = [
      'Example.org/amy/1',
      'example.org/../1',
      'example.org/amy/1/2',
      'example.org/amy/-1',
      `example.org/${'x'.repeat(300)}/1`,
      'example..org/amy/1',
      'amy/1',
    ];
    const steps = await walk('{host}/{user}/{id}', strays);
    expect(steps.map(({ mark }) => mark)).toEqual(strays);
    expect(steps.filter(({ avatar }) => avatar !== undefined)).toEqual([]);
  });

  it('wants the same where a template says it twice', async () => {
    const steps = await walk('{host}/{user}/{user}-{id}', ['a.org/amy/amy-1', 'a.org/amy/bob-1']);
    expect(steps.map(({ avatar }) => avatar?.user)).toEqual(['amy', undefined]);
  });

  it('passes what was not selected', async () => {
    const keys = ['a.org/amy/1', 'a.org/bob/1', 'b.org/amy/1'];
    const of = async (selection: Selection): Promise<string[]> =>
      (await walk('{host}/{user}/{id}', keys, selection)).map(({ mark }) => mark);
    expect(await of({ user: 'amy' })).toEqual(['a.org/amy/1', 'b.org/amy/1']);
    expect(await of({ site: 'a.org' })).toEqual(['a.org/amy/1', 'a.org/bob/1']);
    expect(await of({ since: new Date(1) })).toEqual([]);
  });
});
