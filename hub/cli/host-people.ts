// A command about people arrives; it runs with the same rooms as the running hub, which tell the running hub what has ended.

import { createLogger } from '../../shared/log.ts';
import { AccountError } from '../accounts/account-error.ts';
import type { Account } from '../accounts/account.ts';
import { publicUrlOf, type HubConfig } from '../config.ts';
import type { NoticeTargets } from '../notices/targets/targets.ts';
import type { People } from '../composition/people.ts';
import { configOf, noteIdleFolder, type CommandContext } from './command-context.ts';
import { withAudit, type Audited } from './host-audit.ts';
import { printable } from './table.ts';

export interface HostPeople extends Pick<Audited, 'stores' | 'note'> {
  readonly config: HubConfig;
  readonly people: People;
  /** Where notices go, beside mail. */
  readonly targets: NoticeTargets;
  readonly origin: string;
}

/** Letters and notices about it are sent before it resolves. */
export async function withPeople<Result>(
  context: CommandContext,
  options: { readonly json?: boolean },
  work: (rooms: HostPeople) => Promise<Result>,
): Promise<Result> {
  const config = configOf(context);
  const { openPeople } = await import('../composition/people.ts');
  const { openKeyRing } = await import('../composition/key-ring.ts');
  const { openNotified } = await import('../composition/notified.ts');
  const { Opened } = await import('../composition/opened.ts');
  const { createSafeFetch } = await import('../outbound/safe-fetch.ts');
  const { forgetSetupToken } = await import('../composition/setup-token.ts');
  const { openProviders } = await import('../composition/single-sign-on.ts');
  return withAudit(context, config, async ({ stores, audit, note }) => {
    if (options.json !== true) noteIdleFolder(context, config, stores);
    const log = createLogger({ level: 'error', name: 'phlix-hub' }, context.stderr);
    const opened = new Opened(log);
    const { origin } = publicUrlOf(config);
    const keyRing = await openKeyRing(config, stores);
    if (keyRing.isNew) note({ event: 'key.created', target: 'sealing.key' });
    const outside = { stores, keyRing, audit, fetch: createSafeFetch(), log, opened };
    try {
      const notified = openNotified(config, { ...outside, origin: () => origin });
      const { notices, mailer, targets } = notified;
      const providing = openProviders(config, { ...outside, notices, origin: () => origin });
      const people = await openPeople(config, {
        ...outside,
        notices,
        mailer,
        origin: () => origin,
        localLogin: providing.localLogin,
        providerLogins: providing.providerLogins,
        links: providing.ssoLinks,
        onSetUp: () => void forgetSetupToken(config.dataDir),
        onClosed: () => undefined,
      });
      return await work({ config, stores, note, people, targets, origin });
    } finally {
      await opened.close();
    }
  });
}

/** By name, proven e-mail address or id. @throws AccountError account.unknown */
export async function requireAccount(
  { accounts }: Pick<People, 'accounts'>,
  wanted: string,
): Promise<Account> {
  const found = uuid.test(wanted)
    ? await accounts.find(wanted.toLowerCase())
    : await accounts.findByName(wanted);
  if (found !== undefined) return found;
  throw new AccountError(
    'account.unknown',
    `There is no account "${printable(wanted)}"; phlix-hub user list shows those there are.`,
  );
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
