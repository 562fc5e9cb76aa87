import { rename, rm } from 'node:fs/promises';
import { expect, it, onTestFinished } from 'vitest';
import { CoalescedOriginals } from '../../src/originals/coalesced.ts';
import { createFolderStore } from '../../src/originals/folder.ts';
import { OriginalsReadiness } from '../../src/telemetry/readiness.ts';
import { Recording } from '../originals/ordered.fixture.ts';
import { createFolder } from '../support/app.ts';
import { moveClock } from '../support/clock.ts';

it('originals that could not be reached are asked again a second later', async () => {
  const { directory } = await createFolder();
  const away = `${directory}-gone`;
  onTestFinished(() => rm(directory, { recursive: true }));
  await rename(directory, away);
  const stores = [createFolderStore({ directory, maxBytes: 1 })];
  const settings = { slots: 1, heldBytes: 1, recentBytes: 0, patienceMs: 1 };
  const originals = new CoalescedOriginals(stores, { ...settings, events: new Recording() });
  const readiness = new OriginalsReadiness(originals);
  const unreachable = { code: 'originals_bucket_missing' };
  await expect(readiness.check()).rejects.toMatchObject(unreachable);
  await rename(away, directory);
  await expect(readiness.check()).rejects.toMatchObject(unreachable);
  moveClock(1001);
  await expect(readiness.check()).resolves.toBeUndefined();
});
