// A database arrives; the rooms of what is proven by mail leave on it, as the hub composes them, with a clock to turn and every letter that was sent.

import { EmailCodes } from '../../hub/accounts/email/codes.ts';
import { ForgottenPasswords } from '../../hub/accounts/email/forgotten.ts';
import { Postbox } from '../../hub/accounts/email/postbox.ts';
import { Sends } from '../../hub/accounts/email/sends.ts';
import { EmailVerification } from '../../hub/accounts/email/verification.ts';
import { Factors } from '../../hub/accounts/factors/factors.ts';
import { Pepper } from '../../hub/accounts/factors/pepper.ts';
import type { Database } from '../../hub/db/connect.ts';
import { emailStores } from '../../hub/db/email/email-stores.ts';
import { PostgresSealedSecretStore } from '../../hub/db/factors/sealed-secret-store.ts';
import type { Letter } from '../../hub/notices/mailer.ts';
import { silent } from './databases.ts';
import { openFactorRooms, testKeyRing, Told, type FactorRooms } from './factors.ts';
import { TestPeople } from './people.ts';

export class TestMail {
  readonly letters: Letter[] = [];
  readonly told = new Told();
  readonly people: TestPeople;
  readonly rooms: FactorRooms;
  readonly codes: EmailCodes;
  readonly factors: Factors;
  readonly verification: EmailVerification;
  readonly forgotten: ForgottenPasswords;
  readonly postbox: Postbox;
  /** Whether HUB_LOCAL_LOGIN lets anybody in; throws, where it does not. */
  requireOpen: () => Promise<void> = async () => undefined;

  static async open(database: Database): Promise<TestMail> {
    const sealing = await testKeyRing();
    const pepper = new Pepper({ store: new PostgresSealedSecretStore(database), sealing });
    return new TestMail(database, pepper, await openFactorRooms(database));
  }

  private constructor(database: Database, pepper: Pepper, rooms: FactorRooms) {
    this.people = new TestPeople(database);
    this.rooms = rooms;
    const stores = emailStores(database);
    const { news } = this.told;
    const now = () => this.people.now;
    this.postbox = new Postbox({
      mailer: { isSet: true, send: async (letter) => void this.letters.push(letter) },
      log: silent,
      onFailed: () => news.letterFailed(),
    });
    const sends = new Sends({ store: stores.sends, onRefused: () => news.letterRefused(), now });
    const shared = { sends, postbox: this.postbox, news, now };
    this.codes = new EmailCodes({
      ...shared,
      store: stores.codes,
      accounts: this.people.accounts,
      pepper,
    });
    const { totp, passkeys, recovery, standings: holdings } = rooms;
    this.factors = new Factors({ holdings, totp, passkeys, recovery, email: this.codes });
    const linked = {
      ...shared,
      store: stores.links,
      accounts: this.people.accounts,
      door: this.people.secretDoor,
      origin: () => 'https://hub.phlix.test',
    };
    this.verification = new EmailVerification(linked);
    this.forgotten = new ForgottenPasswords({
      ...linked,
      factors: this.factors,
      localLogin: { requireOpen: async () => this.requireOpen() },
    });
  }

  /** Everything that was posted until now. */
  async delivered(): Promise<readonly Letter[]> {
    await this.postbox.stop();
    return this.letters;
  }

  /** Of the youngest letter. */
  async lastCode(): Promise<string> {
    const text = (await this.delivered()).at(-1)?.text ?? '';
    return /^ {4}(\d{6})$/m.exec(text)?.[1] ?? '';
  }

  /** What stands behind # in the youngest letter. */
  async lastSecret(): Promise<string> {
    const text = (await this.delivered()).at(-1)?.text ?? '';
    return /#([\w-]{43})$/m.exec(text)?.[1] ?? '';
  }
}
