// What an owner or an admin wrote down arrives; a target leaves whose secrets are sealed, and messages leave for it (row A-22).

import { randomBytes, randomUUIDv7 } from 'node:crypto';

import { NetAddressError, parseLimitedNetwork } from '../../../shared/net-address.ts';
import type { KeyRing } from '../../certificates/life/sealing.ts';
import { requireMailAddress } from '../mail/mail-address.ts';
import type { Conversation } from '../mail/smtp-mailer.ts';
import type { Letter } from '../mailer.ts';
import { NoticeError } from '../notice-error.ts';
import type { NoticeKind, NoticeOf } from '../notice.ts';
import type { SafeFetch } from '../safe-fetch.ts';
import { Throttle } from '../throttle.ts';
import { letterText, messageOf, type Message } from './message.ts';
import {
  sealingContext,
  type NoticeTarget,
  type NoticeTargetStore,
  type TargetChange,
  type TargetKind,
} from './target.ts';
import { requestFor, type Destination } from './webhook.ts';

export interface NoticeTargetsOptions {
  readonly store: NoticeTargetStore;
  readonly sealing: Pick<KeyRing, 'seal' | 'open'>;
  readonly post: (letter: Letter) => Promise<Conversation>;
  readonly fetch: SafeFetch;
  /** `https://hub.example.org` */
  readonly hub: () => string;
  readonly now?: () => Date;
}

export interface NewTarget {
  /** Undefined: for the hub's own notices. */
  readonly accountId: string | undefined;
  readonly kind: TargetKind;
  /** An e-mail address; the address of a webhook, of an ntfy topic, or of a Gotify server. */
  readonly address: string;
  /** Of a webhook one is made where none is given. */
  readonly secret?: string | undefined;
  readonly kinds?: readonly NoticeKind[] | undefined;
  /** Only an admin may open networks. */
  readonly allow?: readonly string[] | undefined;
}

/** What "send a test" shows. */
export interface TestResult {
  readonly isSent: boolean;
  readonly reason: string | undefined;
  /** Of mail: the talk with the server, without secrets. */
  readonly transcript: readonly string[];
}

/** A phone, a chat, a monitor, a mailbox, and as many again; more is a mistake or a flood in the making. */
const maxTargets = 10;
const maxAddressLength = 2000;

/**
 * Of one account within an hour: whoever sets a place up tries three times, and the hub is not to be anybody's means of
 * filling another's mailbox, which nobody has proven to be his.
 */
const tests = { perWindow: 10, windowMs: 3_600_000 };

export class NoticeTargets {
  readonly #options: NoticeTargetsOptions;
  readonly #now: () => Date;
  readonly #tests = new Throttle(tests);

  constructor(options: NoticeTargetsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /**
   * The secret is told here and never again.
   * @throws NoticeError notice.target | notice.quota | mail.address
   */
  async add(wanted: NewTarget): Promise<{ target: NoticeTarget; secret: string | undefined }> {
    const { accountId, kind, kinds = [], allow = [] } = wanted;
    requireNetworks(allow);
    const { address, label } = addressOf(wanted);
    const secret = secretOf(wanted);
    const id = randomUUIDv7();
    const text = JSON.stringify({ address, secret });
    const target: NoticeTarget = {
      id,
      accountId,
      kind,
      label,
      kinds,
      allow,
      isEnabled: true,
      createdAt: this.#now(),
      lastSentAt: undefined,
      failure: undefined,
      sealed: this.#options.sealing.seal(text, sealingContext(id)),
    };
    if (await this.#options.store.insert(target, maxTargets)) return { target, secret };
    throw new NoticeError(
      'notice.quota',
      `there are ${maxTargets} places for notices already: remove one first`,
    );
  }

  async list(accountId: string | undefined): Promise<NoticeTarget[]> {
    return this.#options.store.list(accountId);
  }

  /** `accountId` as in the list it stands in: nobody finds another's. @throws NoticeError notice.unknown */
  async require(id: string, accountId: string | undefined): Promise<NoticeTarget> {
    const target = await this.#options.store.find(id);
    if (target !== undefined && target.accountId === accountId) return target;
    throw new NoticeError('notice.unknown', 'there is no such place for notices any more');
  }

  /** @throws NoticeError notice.unknown */
  async change(
    id: string,
    accountId: string | undefined,
    change: TargetChange,
  ): Promise<NoticeTarget> {
    const target = await this.require(id, accountId);
    return (await this.#options.store.change(id, change)) ?? target;
  }

  /** @throws NoticeError notice.unknown */
  async remove(id: string, accountId: string | undefined): Promise<NoticeTarget> {
    const target = await this.require(id, accountId);
    await this.#options.store.remove(id);
    return target;
  }

  /** One try. @throws NoticeError, OutboundError, CertificateError certificate.sealed */
  async send(target: NoticeTarget, message: Message): Promise<void> {
    const { failure } = await this.#attempt(target, message);
    if (failure !== undefined) throw failure;
  }

  /** Never rejects for what the other side does. @throws NoticeError notice.unknown | notice.paced */
  async test(id: string, accountId: string | undefined, by: string): Promise<TestResult> {
    const target = await this.require(id, accountId);
    const to =
      accountId === undefined
        ? ({ kind: 'admins' } as const)
        : ({ kind: 'account', accountId } as const);
    const notice: NoticeOf<'test'> = { kind: 'test', to, facts: { by } };
    if (!this.#tests.admits(notice, performance.now()))
      throw new NoticeError(
        'notice.paced',
        `${tests.perWindow} tests were sent within an hour: wait, and look meanwhile at what came of them`,
      );
    const message = messageOf(notice, this.#options.hub(), this.#now());
    const { failure, transcript } = await this.#attempt(target, message);
    return { isSent: failure === undefined, reason: failure?.message, transcript };
  }

  async #attempt(
    target: NoticeTarget,
    message: Message,
  ): Promise<{ failure: Error | undefined; transcript: readonly string[] }> {
    const { store } = this.#options;
    let outcome: { failure: Error | undefined; transcript: readonly string[] };
    try {
      outcome = await this.#carry(target, message);
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      outcome = { failure, transcript: [] };
    }
    await store.noteAttempt(target.id, this.#now(), outcome.failure?.message);
    return outcome;
  }

  async #carry(target: NoticeTarget, message: Message) {
    const text = this.#options.sealing.open(target.sealed, sealingContext(target.id));
    const destination = JSON.parse(text) as Destination;
    if (target.kind === 'mail') {
      const letter = { to: destination.address, subject: message.title, text: letterText(message) };
      return this.#options.post(letter);
    }
    const { url, headers, body } = requestFor(target.kind, destination, message, this.#now());
    const { allow } = target;
    const answer = await this.#options.fetch(url, { method: 'POST', headers, body, allow });
    if (!answer.ok)
      throw new NoticeError(
        'notice.undelivered',
        `${target.label} answered with ${answer.status}: check its address and its token`,
      );
    return { failure: undefined, transcript: [] };
  }
}

/** @throws NoticeError notice.target */
function requireNetworks(texts: readonly string[]): void {
  try {
    for (const text of texts) parseLimitedNetwork(text);
  } catch (error) {
    if (!(error instanceof NetAddressError)) throw error;
    throw new NoticeError('notice.target', error.message, { cause: error });
  }
}

function addressOf({ kind, address, allow = [] }: NewTarget): { address: string; label: string } {
  if (kind === 'mail') {
    const mailbox = requireMailAddress(address);
    const [local = '', domain = ''] = mailbox.split('@');
    return { address: mailbox, label: `${local.slice(0, 1)}…${local.slice(-1)}@${domain}` };
  }
  const url = address.length > maxAddressLength ? null : URL.parse(address.trim());
  const isOpen = url?.protocol === 'https:' || (url?.protocol === 'http:' && allow.length > 0);
  const isUsable = isOpen && url.username === '' && url.password === '' && url.hash === '';
  const hasTopic = kind !== 'ntfy' || (url !== null && /[^/]/.test(url.pathname));
  if (url !== null && isUsable && hasTopic) return { address: url.href, label: url.host };
  const isPlain = url?.protocol === 'http:' && allow.length === 0;
  throw new NoticeError(
    'notice.target',
    isPlain
      ? 'http:// goes in the clear: write https://; for a machine at home an admin names its network ("allow"), and adds it among the notices of the hub'
      : `this is no address for ${kind}: ${examples[kind]}`,
  );
}

const examples: Readonly<Record<Exclude<TargetKind, 'mail'>, string>> = {
  webhook: 'write it like https://chat.example.org/hooks/phlix',
  ntfy: 'write the topic, like https://ntfy.sh/my-own-topic',
  gotify: 'write the server, like https://gotify.example.org, and its token as the secret',
};

/** @throws NoticeError notice.target */
function secretOf({ kind, secret }: NewTarget): string | undefined {
  if (kind === 'mail') return undefined;
  const given = secret?.trim() ?? '';
  if (given === '' && kind === 'webhook') return randomBytes(32).toString('base64url');
  const isMissing = given === '' && kind === 'gotify';
  // It becomes a header of the request.
  if (isMissing || !/^[\x21-\x7e]{0,500}$/.test(given))
    throw new NoticeError(
      'notice.target',
      `${kind} needs a token of printable characters without spaces`,
    );
  return given === '' ? undefined : given;
}
