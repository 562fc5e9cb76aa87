/** Something to do for a service with the demo avatars: hits, misses, 304s, and what is not there. */
import { setTimeout as sleep } from 'node:timers/promises';

const USERS = ['demo/photo/%s/1', 'demo/owl/%s/2', 'demo/wide/%s/4', 'demo/tiny/%s/5'];
const EXTENSIONS = ['png', 'webp', 'jpg'];

/** So many requests a second, or fewer where that is too many, until it is stopped. */
export function keepAsking(base: string, perSecond: number): { stop(): Promise<void> } {
  const over = new AbortController();
  const running = (async () => {
    for (let count = 0; !over.signal.aborted; count += 1) {
      await Promise.all(somePaths(count).map((path) => ask(`${base}${path}`)));
      await sleep(4000 / perSecond);
    }
  })();
  return {
    async stop() {
      over.abort();
      await running;
    },
  };
}

/** Four at once, two of them the same. */
function somePaths(count: number): string[] {
  const user = USERS[count % USERS.length] ?? '';
  const extension = EXTENSIONS[count % EXTENSIONS.length] ?? '';
  const size = 16 + (count % 600);
  const fresh = `/user_avatar/${user.replace('%s', `${size}`)}.${extension}`;
  const known = `/user_avatar/${user.replace('%s', '48')}.png`;
  return [fresh, fresh, known, `/user_avatar/demo/nobody${count}/48/1.png`];
}

async function ask(url: string): Promise<void> {
  const reply = await fetch(url);
  await reply.arrayBuffer();
}
