import { expect, test } from 'vitest';

import { createLogger } from '../../shared/log.ts';
import { MemoryAccountStore } from '../../test/support/memory-certificates.ts';
import { resealAccounts } from './acme.ts';
import { KeyRing } from '../certificates/life/sealing.ts';

const directories = ['https://first.test/dir', 'https://second.test/dir'] as const;
const unset = { email: undefined, externalAccount: undefined, caFile: undefined };
const tls = {
  authority: { directoryUrl: directories[0], ...unset },
  fallback: { directoryUrl: directories[1], ...unset },
};

const ringOf = async (...secrets: string[]) => KeyRing.open({ secrets, dataDir: '' });

test('a start seals the accounts at both authorities with the first secret, and leaves what it cannot open', async () => {
  const accounts = new MemoryAccountStore();
  const former = await ringOf('former');
  for (const directory of directories) {
    const sealedKey = former.seal(`key at ${directory}`, directory);
    await accounts.insert({ authority: directory, sealedKey, url: `${directory}/1` });
  }
  const lines: string[] = [];
  const log = createLogger({ level: 'info', name: 'test' }, { write: (line) => lines.push(line) });
  const parts = { tls, stores: { authorityAccounts: accounts }, log };
  await resealAccounts(parts, await ringOf('another'));
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain('certificate.sealed');
  await resealAccounts(parts, await ringOf('new', 'former'));
  const next = await ringOf('new');
  for (const directory of directories) {
    const stored = await accounts.find(directory);
    expect(stored?.url).toBe(`${directory}/1`);
    expect(next.open(stored?.sealedKey ?? Buffer.alloc(0), directory)).toBe(`key at ${directory}`);
  }
});
