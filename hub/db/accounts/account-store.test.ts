import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import { goodPassword, strangerAt, TestPeople } from '../../../test/support/people.ts';
import type { Account } from '../../accounts/account.ts';
import type { LoginCaller } from '../../accounts/caller.ts';
import { hashPassword } from '../../accounts/password/argon2.ts';
import { sql } from '../drizzle.ts';
import { cascading, personal } from './account-removal.ts';

const dayMs = 24 * 60 * 60 * 1000;
const better = 'eleven lamps sing to the harbour';

describe.each(Object.entries(databaseKinds))('accounts on %s', (_kind, open) => {
  let opened: TestDatabase;
  let people: TestPeople;

  beforeAll(async () => {
    opened = await open();
    people = new TestPeople(opened.database);
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    await people.clear();
  });

  async function caller(name: string): Promise<LoginCaller> {
    const { account, login } = await people.enter(name);
    return { kind: 'login', account, login, address: '192.0.2.7', requestId: 'r' };
  }

  test('are one for each name, in whatever case and form it is written', async () => {
    await people.add('Zoë.K');
    await expect(people.add('zoe\u0308.k')).rejects.toMatchObject({ code: 'account.exists' });
    expect(await people.accounts.findByName('ZOË.K')).toMatchObject({ username: 'Zoë.K' });
    expect(await people.accounts.findByName('nobody')).toBeUndefined();
    expect(await people.accounts.find('no uuid')).toBeUndefined();
  });

  test('are found by an address once it is proven, which one account can do', async () => {
    const robin = await people.add('robin', { email: 'r@lake.example' });
    const ada = await people.add('ada');
    const claim = await people.accounts.changeEmail(ada, 'R@lake.example', 'host');
    expect(claim).toMatchObject({ email: 'R@lake.example', emailVerifiedAt: undefined });
    expect(await people.accounts.findByName('r@LAKE.example')).toMatchObject({ id: robin.id });
    const proven = people.accounts.verifyEmail(ada.id, 'R@lake.example', people.now);
    await expect(proven).rejects.toMatchObject({ code: 'account.exists' });
    await expect(
      people.accounts.verifyEmail(robin.id, 'else@lake.example', people.now),
    ).rejects.toMatchObject({ code: 'account.email' });
  });

  test('are listed page by page', async () => {
    for (const name of ['cleo', 'ada', 'ben']) await people.add(name);
    const first = await people.accounts.list({ limit: 2 });
    expect(first.map(({ username }) => username)).toEqual(['ada', 'ben']);
    const rest = await people.accounts.list({ after: 'ben', limit: 2 });
    expect(rest.map(({ username }) => username)).toEqual(['cleo']);
  });

  test('change their password, and everybody else is out', async () => {
    await people.add('robin');
    const other = await people.enter('robin', strangerAt('198.51.100.9'));
    const robin = await caller('robin');
    people.factors.set(robin.account.id, ['totp']);
    const half = await people.tryPassword('robin', goodPassword);
    await people.accounts.changePassword(robin, better);
    expect(await people.logins.find(other.secret, { address: '192.0.2.7' })).toBeUndefined();
    expect(await people.logins.list(robin.account)).toHaveLength(1);
    const secret = half.kind === 'factor' ? half.transaction : '';
    await expect(people.signIn.transactionOf(secret)).rejects.toMatchObject({
      code: 'login.expired',
    });
    people.factors.clear();
    await expect(people.enter('robin')).rejects.toMatchObject({ code: 'login.failed' });
    await expect(people.tryPassword('robin', better)).resolves.toMatchObject({ kind: 'done' });
    expect(people.notices.map(({ kind }) => kind)).toContain('password.changed');
    expect(people.events).toContain('account.password-changed');
  });

  test('have a shorter password only beside a second factor', async () => {
    await people.add('robin');
    const robin = await caller('robin');
    const short = 'xk3-vq9-zd7w';
    await expect(people.accounts.changePassword(robin, short)).rejects.toMatchObject({
      code: 'account.password-weak',
    });
    people.factors.set(robin.account.id, ['passkey', 'recovery']);
    await people.accounts.changePassword(robin, short);
  });

  test('get a new hash at the next sign-in when the numbers have changed', async () => {
    const robin = await people.add('robin');
    const former = await hashPassword(goodPassword, { memoryKib: 32, passes: 1, parallelism: 1 });
    await people.stores.accounts.savePassword(robin.id, former);
    await people.enter('robin');
    const hash = await people.stores.accounts.passwordOf(robin.id);
    expect(hash).toMatch(/m=64,t=1,p=1/);
    await people.enter('robin');
    expect(await people.stores.accounts.passwordOf(robin.id)).toBe(hash);
  });

  test('whose password turns up in a breach are marked, until they have another', async () => {
    const robin = await people.add('robin');
    await people.accounts.lookUpBreach(robin, goodPassword);
    expect(people.events).toContain('account.breach-check-failed');
    people.breach = 'found';
    await people.accounts.lookUpBreach(robin, goodPassword);
    expect(await people.accounts.find(robin.id)).toMatchObject({ passwordBreached: true });
    people.breach = 'clean';
    await people.accounts.changePassword(await caller('robin'), better);
    expect(await people.accounts.find(robin.id)).toMatchObject({ passwordBreached: false });
    expect(await people.counted('breach_checks', { result: 'found' })).toBeGreaterThan(0);
  });

  test('save no list of networks that shuts out whoever writes it, unless he types his name', async () => {
    await people.add('robin');
    const robin = await caller('robin');
    const save = async (networks: string[], confirm?: string) =>
      people.accounts.changeNetworks(robin, { networks, confirm });
    await expect(save(['198.51.100.0/24'])).rejects.toMatchObject({ code: 'account.unconfirmed' });
    await expect(save(['0.0.0.0/0'])).rejects.toMatchObject({ code: 'account.unconfirmed' });
    for (const wrong of ['1.2.3.4/33', '1.2.3.4/-1', '010.0.0.1', ' 1.2.3.4', 'fe80::1%eth0', '']) {
      await expect(save([wrong], 'robin')).rejects.toMatchObject({ code: 'account.network' });
    }
    const saved = await save(['::ffff:192.0.2.0/120', '192.0.2.0/24', '2001:db8::/128']);
    expect(saved.networks).toEqual(['192.0.2.0/24', '2001:db8::/128']);
    expect(await save(['198.51.100.0/24'], 'robin')).toMatchObject({
      networks: ['198.51.100.0/24'],
    });
    expect((await people.accounts.openNetworks(robin.account, 'host')).networks).toEqual([]);
  });

  test('lose their logins with their role', async () => {
    const robin = await people.add('robin');
    await people.add('ada', { role: 'admin' });
    const { secret } = await people.enter('robin');
    await people.accounts.changeRole(robin, 'admin', 'host');
    expect(await people.logins.find(secret, { address: '192.0.2.7' })).toBeUndefined();
    expect(people.noted.at(-1)).toMatchObject({
      event: 'admin.role-changed',
      actor: 'host',
      reason: 'owner to admin',
    });
  });

  test('lose trust in their browsers with their role, and when they are suspended', async () => {
    const [robin, cleo] = [await people.add('robin'), await people.add('cleo')];
    await people.accounts.changeRole(robin, 'member', 'host');
    expect(people.distrusted).toEqual([robin.id]);
    await people.accounts.suspend(cleo, 'host');
    expect(people.distrusted).toEqual([robin.id, cleo.id]);
  });

  test('of admins are never all gone, whoever takes whose rights at the same moment', async () => {
    const admins: Account[] = [];
    for (const name of ['ada', 'ben', 'cleo', 'dora']) {
      admins.push(await people.add(name, { role: 'admin' }));
    }
    const [ada, ben, cleo, dora] = admins;
    if (!ada || !ben || !cleo || !dora) throw new Error('four admins');
    const deeds = await Promise.allSettled([
      people.accounts.changeRole(ada, 'owner', 'host'),
      people.accounts.suspend(ben, 'host'),
      people.accounts.remove(cleo, 'host'),
      people.accounts.changeRole(dora, 'member', 'host'),
    ]);
    const refused = deeds.filter(({ status }) => status === 'rejected');
    expect(refused).toMatchObject([{ reason: { code: 'account.last-admin' } }]);
    const { rows } = await opened.database.queries.execute(
      sql`SELECT id FROM accounts WHERE role = 'admin' AND state = 'active'`,
    );
    expect(rows).toHaveLength(1);
  });

  test('that are deleted give up their servers, and nothing of them is left in any table', async () => {
    await people.add('ada', { role: 'admin' });
    const robin = await people.add('robin');
    const { secret } = await people.enter('robin');
    expect(await people.accounts.remove(robin, 'host')).toEqual({ serversRevoked: 1 });
    expect(people.revokedOwners).toEqual([robin.ownerId]);
    expect(await people.logins.find(secret, { address: '192.0.2.7' })).toBeUndefined();
    await expect(people.accounts.remove(robin, 'host')).rejects.toMatchObject({
      code: 'account.unknown',
    });
    const { rows } = await opened.database.queries.execute<{ table_name: string }>(sql`
      SELECT table_name FROM information_schema.columns
      WHERE table_schema = 'public' AND column_name IN ('account_id', 'invited_by')`);
    const known: readonly string[] = [...personal, ...cascading];
    const unknown = rows.map((row) => row.table_name).filter((name) => !known.includes(name));
    expect(unknown).toEqual([]);
  });

  test('of the first admin leave his servers to the hub', async () => {
    const token = (await people.setup.token(undefined)) ?? '';
    const wish = { username: 'first', password: goodPassword };
    const { account } = await people.setup.redeem(token, wish, strangerAt());
    await people.add('ada', { role: 'admin' });
    expect(await people.accounts.remove(account, 'host')).toEqual({ serversRevoked: 0 });
    expect(people.revokedOwners).toEqual([]);
  });

  test('of admins without a second factor may only enrol one after a week', async () => {
    await people.add('ada', { role: 'admin' });
    people.later(7 * dayMs - 1);
    expect((await people.enter('ada')).login.restriction).toBeUndefined();
    people.later(1);
    expect((await people.enter('ada')).login.restriction).toBe('enrol');
  });
});
