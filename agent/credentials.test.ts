import { chmod, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { temporaryFolder } from '../test/support/temporary-folder.ts';
import {
  type CredentialError,
  type Enrolled,
  generateIdentityKey,
  identityPath,
  openStateFolder,
  readIdentity,
  refuseOtherHub,
  writeIdentity,
} from './credentials.ts';

async function freshFolder(): Promise<string> {
  const folder = join(temporaryFolder('state').path, 'state');
  await openStateFolder(folder);
  return folder;
}

function enrolled(): Enrolled {
  return {
    state: 'enrolled',
    hubUrl: 'https://hub.example',
    agentId: 'thumbprint',
    serverId: '0198c0de-0000-7000-8000-000000000000',
    tunnelUrls: ['wss://hub.example:8802/tunnel'],
    privateKey: generateIdentityKey(),
    formerKeys: [],
    caPem: undefined,
  };
}

test('a missing folder is made for this user alone, and holds no identity yet', async () => {
  const folder = await freshFolder();
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  expect(await readIdentity(folder)).toBeUndefined();
});

test('an identity comes back as it was written, in a file of this user alone, and leaves no draft', async () => {
  const folder = await freshFolder();
  const identity = enrolled();
  await writeIdentity(folder, identity);
  const read = await readIdentity(folder);
  expect(read).toMatchObject({ ...identity, privateKey: expect.anything() });
  expect(read?.privateKey.equals(identity.privateKey)).toBe(true);
  expect((await stat(identityPath(folder))).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(['identity.json']);
});

test('the key is kept while its token waits, and the enrolled identity takes its place', async () => {
  const folder = await freshFolder();
  const privateKey = generateIdentityKey();
  await writeIdentity(folder, {
    state: 'enrolling',
    hubUrl: 'https://hub.example',
    tokenId: 'abcdefgh',
    privateKey,
  });
  expect(await readIdentity(folder)).toMatchObject({ state: 'enrolling', tokenId: 'abcdefgh' });
  await writeIdentity(folder, { ...enrolled(), privateKey });
  const read = await readIdentity(folder);
  expect(read?.state).toBe('enrolled');
  expect(read?.privateKey.equals(privateKey)).toBe(true);
});

test('a folder that others can read is refused with the command that mends it', async () => {
  const folder = await freshFolder();
  await chmod(folder, 0o750);
  await expect(openStateFolder(folder)).rejects.toMatchObject({
    code: 'credentials.exposed',
    message: expect.stringContaining(`run chmod 700 ${folder}`),
  });
});

test('a file that others can read is refused with the command that mends it', async () => {
  const folder = await freshFolder();
  await writeIdentity(folder, enrolled());
  await chmod(identityPath(folder), 0o640);
  await expect(readIdentity(folder)).rejects.toMatchObject({
    code: 'credentials.exposed',
    message: expect.stringContaining(`run chmod 600 ${identityPath(folder)}`),
  });
});

test('a link in place of the file is not followed', async () => {
  const folder = await freshFolder();
  const elsewhere = await freshFolder();
  await writeIdentity(elsewhere, enrolled());
  await symlink(identityPath(elsewhere), identityPath(folder));
  await expect(readIdentity(folder)).rejects.toMatchObject({ code: 'credentials.inaccessible' });
});

test('a damaged file is refused without showing what is in it', async () => {
  const folder = await freshFolder();
  await writeIdentity(folder, enrolled());
  const text = await readFile(identityPath(folder), 'utf8');
  for (const damaged of ['', '{}', text.slice(0, 200), text.replace('PRIVATE', 'PUBLIC')]) {
    await writeFile(identityPath(folder), damaged, { mode: 0o600 });
    const error = await readIdentity(folder).then(
      () => undefined,
      (error: CredentialError) => error,
    );
    expect(error).toMatchObject({ code: 'credentials.malformed' });
    expect(error?.message).not.toContain('KEY');
  }
});

test('an identity of another hub names both hubs and the ways out', () => {
  const identity = enrolled();
  expect(() => refuseOtherHub(identity, 'https://hub.example:8443', '/s')).not.toThrow();
  expect(() => refuseOtherHub(identity, 'https://other.example', '/s')).toThrow(
    /enrolled at https:\/\/hub\.example but PHLIX_HUB_URL names https:\/\/other\.example.*delete \/s\/identity\.json/,
  );
});
