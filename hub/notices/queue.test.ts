import { pino } from 'pino';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

import { defaultNoticeLimits, type NoticeLimits } from './limits.ts';
import type { Letter } from './mailer.ts';
import { NoticeError } from './notice-error.ts';
import type { Notice } from './notice.ts';
import { NoticeQueue, type NoticeQueueOptions } from './queue.ts';
import type { Message } from './targets/message.ts';
import type { NoticeTarget } from './targets/target.ts';

const changed: Notice = {
  kind: 'password.changed',
  to: { kind: 'account', accountId: 'robin' },
  facts: { address: '192.0.2.7', software: 'Firefox on Windows' },
  at: new Date('2026-03-01T12:00:00Z'),
};
const quick: NoticeLimits = { ...defaultNoticeLimits, pausesMs: [1, 1] };

function queueOf(change: Partial<NoticeQueueOptions> = {}) {
  const letters: Letter[] = [];
  const sent: [NoticeTarget, Message][] = [];
  const outcomes: string[] = [];
  const failed: unknown[] = [];
  const queue = new NoticeQueue({
    addressees: { of: async () => [{ accountId: 'robin', email: 'robin@example.org' }] },
    targets: { hearing: async () => [] },
    send: async (target, message) => void sent.push([target, message]),
    mailer: { isSet: true, send: async (letter) => void letters.push(letter) },
    hub: () => 'https://hub.example.org',
    log: pino({ level: 'silent' }),
    onOutcome: (channel, outcome) => outcomes.push(`${channel} ${outcome}`),
    onFailed: ({ channel, kind, error }) => failed.push([channel, kind, error]),
    onDropped: (reason) => outcomes.push(reason),
    limits: quick,
    ...change,
  });
  onTestFinished(() => queue.stop());
  return { queue, letters, sent, outcomes, failed };
}

describe('a notice', () => {
  it('becomes a letter that says what happened, with what, from where and what to do', async () => {
    const { queue, letters } = queueOf();
    queue.tell(changed);
    await expect.poll(() => letters).toHaveLength(1);
    expect(letters[0]).toMatchObject({
      to: 'robin@example.org',
      subject: 'Your password was changed',
    });
    expect(letters[0]?.text).toMatch(
      /With: Firefox on Windows[^]*From: 192\.0\.2\.7[^]*If this was not you[^]*2026-03-01T12:00:00\.000Z, https:\/\/hub\.example\.org/,
    );
  });

  it('reaches the address that the account had until now as well', async () => {
    const { queue, letters } = queueOf({
      addressees: { of: async () => [{ accountId: 'robin', email: undefined }] },
    });
    const to = {
      kind: 'account',
      accountId: 'robin',
      formerEmail: 'until-now@example.org',
    } as const;
    queue.tell({ kind: 'email.changed', to, facts: {} });
    await expect.poll(() => letters).toHaveLength(1);
    expect(letters[0]).toMatchObject({ to: 'until-now@example.org' });
  });

  it("reaches the targets that hear of it, and the hub's own where it is for admins", async () => {
    const asked: unknown[] = [];
    const target = { id: 'phone', kind: 'ntfy' } as NoticeTarget;
    const { queue, sent } = queueOf({
      targets: {
        hearing: async (kind, who) => {
          asked.push([kind, who]);
          return [target];
        },
      },
    });
    queue.tell(changed);
    queue.tell({
      kind: 'ban.added',
      to: { kind: 'admins' },
      facts: { address: '192.0.2.1', reason: 'guessing' },
    });
    queue.tell({
      kind: 'certificate.trouble',
      to: { kind: 'owner', ownerId: 'robin', andAdmins: true },
      facts: { names: ['movies.example'], notAfter: undefined, reason: 'no' },
    });
    await expect.poll(() => sent).toHaveLength(3);
    expect(asked).toEqual([
      ['password.changed', { accountIds: ['robin'], hub: false }],
      ['ban.added', { accountIds: ['robin'], hub: true }],
      ['certificate.trouble', { accountIds: ['robin'], hub: true }],
    ]);
  });

  it('is told in no time, whatever its receiver does', async () => {
    const never = Promise.withResolvers<void>();
    const { queue } = queueOf({
      mailer: { isSet: true, send: async () => never.promise },
      addressees: { of: async () => Promise.reject(new Error('no database')) },
    });
    const told = Array.from({ length: 10 }, () => queue.tell(changed));
    // Here already, with nothing sent and nobody found.
    expect(new Set(told)).toEqual(new Set([undefined]));
    never.resolve();
  });

  it('is tried three times, and a receiver that is back in between gets it', async () => {
    let tries = 0;
    const { queue, outcomes } = queueOf({
      mailer: {
        isSet: true,
        send: async () => {
          tries += 1;
          if (tries < 3) throw new NoticeError('mail.unreachable', 'not now');
        },
      },
    });
    queue.tell(changed);
    await expect.poll(() => outcomes).toEqual(['mail sent']);
    expect(tries).toBe(3);
  });

  it('is given up after three', async () => {
    const send = vi.fn<() => Promise<never>>(async () =>
      Promise.reject(new NoticeError('mail.refused', 'no')),
    );
    const { queue, outcomes, failed } = queueOf({ mailer: { isSet: true, send } });
    queue.tell(changed);
    await expect.poll(() => outcomes).toEqual(['mail failed']);
    expect(failed).toMatchObject([['mail', 'password.changed', { code: 'mail.refused' }]]);
    expect(send).toHaveBeenCalledTimes(3);
  });

  it('does not wait for another that is retried', async () => {
    const { queue, sent } = queueOf({
      limits: { ...quick, atOnce: 1, pausesMs: [60_000] },
      targets: { hearing: async () => [{ id: 'phone', kind: 'ntfy' } as NoticeTarget] },
      mailer: {
        isSet: true,
        send: async () => Promise.reject(new NoticeError('mail.unreachable', 'no')),
      },
    });
    queue.tell(changed);
    queue.tell({ ...changed, kind: 'recovery.low', facts: { left: 1 } });
    await expect.poll(() => sent).toHaveLength(2);
  });

  it('is no letter where the hub sends none', async () => {
    const { queue, sent, outcomes } = queueOf({
      mailer: {
        isSet: false,
        send: async () => Promise.reject(new NoticeError('mail.off', 'off')),
      },
      targets: { hearing: async () => [{ id: 'phone', kind: 'ntfy' } as NoticeTarget] },
    });
    queue.tell(changed);
    await expect.poll(() => sent).toHaveLength(1);
    await expect.poll(() => outcomes).toEqual(['ntfy sent']);
  });

  it('of one kind for one account comes twenty times an hour and no more, and others go on', async () => {
    const { queue, letters, outcomes } = queueOf();
    for (let i = 0; i < 30; i++) queue.tell(changed);
    queue.tell({ ...changed, to: { kind: 'account', accountId: 'kim' } });
    await expect.poll(() => letters).toHaveLength(21);
    expect(outcomes.filter((outcome) => outcome === 'throttled')).toHaveLength(10);
  });

  it('is dropped when too many wait, instead of filling the memory', async () => {
    const { queue, outcomes } = queueOf({ limits: { ...quick, waiting: 5, perWindow: 100 } });
    for (let i = 0; i < 8; i++) queue.tell(changed);
    expect(outcomes).toEqual(['full', 'full', 'full']);
  });
});

it('the end of the hub waits for what is under way, tries at once what rests, and takes no more', async () => {
  let tries = 0;
  const { queue, letters } = queueOf({
    limits: { ...defaultNoticeLimits, pausesMs: [60_000] },
    mailer: {
      isSet: true,
      send: async (letter) => {
        tries += 1;
        if (tries === 1) throw new NoticeError('mail.unreachable', 'not now');
        letters.push(letter);
      },
    },
  });
  queue.tell(changed);
  await expect.poll(() => tries).toBe(1);
  await queue.stop();
  expect(letters).toHaveLength(1);
  queue.tell(changed);
  await queue.stop();
  expect(letters).toHaveLength(1);
});
