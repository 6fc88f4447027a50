import { Buffer } from 'node:buffer';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { frame, frames } from '../../test/support/naive-codec.ts';
import { settled } from '../../test/support/scripted-peer.ts';
import {
  play,
  scriptedSession,
  sentOn,
  type ScriptedSession,
} from '../../test/support/scripted-session.ts';
import { goawayCode } from '../wire/codes.ts';

// The rules of PROTOCOL.md section 6, through a live session. The peer is played by hand.

const bytes = (length: number): Buffer => Buffer.alloc(length, 0x61);
const type = { ping: 5, goaway: 6 };

afterEach(() => void vi.useRealTimers());

describe('life and end', () => {
  it('P41: a failure of one stream resets it and nothing else', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2), frames.open(4));
    agent.streams[0]?.destroy(new Error('a fault of ours'));
    agent.streams[1]?.end('fine');
    await settled();
    expect(agent.peer.received[0]).toEqual(frames.reset(2, 1));
    expect(sentOn(4, agent.peer.received)).toBe('fine END');
    expect(agent.ends).toEqual([]);
  });

  it('P45: pings at once, answers pings with their payload, and takes only its own for a reply', async () => {
    const agent = scriptedSession('agent');
    await settled();
    const [own] = agent.peer.received;
    expect([own?.type, own?.flags, own?.payload.length]).toEqual([type.ping, 0, 8]);
    agent.peer.send(frames.ping(Buffer.from('8 bytes!')));
    await settled();
    expect(agent.peer.received.at(-1)).toEqual(frames.pong(Buffer.from('8 bytes!')));
    agent.clock.nowMs += 30;
    agent.peer.send(frames.pong(Buffer.from('8 bytes!')));
    expect(agent.session.rttMs).toBeUndefined();
    agent.peer.send(frames.pong(own?.payload ?? bytes(8)));
    expect(agent.session.rttMs).toBe(30);
  });

  it('P45: without a reply the connection is destroyed, without a farewell', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const agent = scriptedSession('agent');
    await settled();
    agent.peer.send(frames.open(2));
    vi.advanceTimersByTime(9_999);
    expect(agent.ends).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(agent.ends).toEqual([
      { reason: 'ping-timeout', message: 'the peer did not answer a ping', error: undefined },
    ]);
    await settled();
    expect(agent.peer.state).toBe('destroyed');
    expect(agent.peer.receivedOf(type.goaway)).toEqual([]);
    expect(agent.failures).toMatchObject([
      { code: 'stream.link-lost', message: 'the link ended: the peer did not answer a ping' },
    ]);
  });

  it('leaves no timer behind, however it ends', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const ways: ((played: ScriptedSession) => void)[] = [
      ({ session }) => session.destroy(),
      ({ session }) => session.goaway('revoked'),
      ({ peer }) => peer.send(frames.goaway(2)),
      ({ peer }) => peer.send(frame(9, 0)),
      ({ peer }) => peer.vanish(),
    ];
    for (const end of ways) {
      const played = scriptedSession('agent');
      await settled();
      end(played);
      await settled();
      expect([played.ends.length, vi.getTimerCount()]).toEqual([1, 0]);
    }
  });

  it('P50: draining is answered by draining, running streams go on, and the last one closes the link', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2), frames.goaway(0, 'restarting'));
    await settled();
    expect(agent.goaways).toEqual(['draining: restarting']);
    expect(agent.peer.received).toEqual([frames.goaway(0, 'restarting')]);
    expect(agent.session.isAccepting).toBe(false);
    expect(() => agent.session.openStream()).toThrow('the session takes no more streams');
    agent.peer.send(frames.data(2, 'question'));
    expect(String(agent.streams[0]?.read())).toBe('question');
    agent.streams[0]?.end('answer');
    await settled();
    expect(agent.peer.state).toBe('open');
    agent.peer.send(frames.dataEnd(2));
    await settled();
    expect(agent.ends).toEqual([{ reason: 'draining', message: 'drained', error: undefined }]);
    expect(agent.peer.state).toBe('closed');
    expect(agent.failures).toEqual([]);
  });

  it('P50: the end that drains waits for the answer, and serves streams that were on their way', async () => {
    const agent = await play('agent');
    agent.session.goaway('draining', 'update');
    agent.session.goaway('draining', 'again');
    await settled();
    expect(agent.peer.received).toEqual([frames.goaway(0, 'update')]);
    expect([agent.ends, agent.peer.state]).toEqual([[], 'open']);
    agent.peer.send(frames.open(2), frames.goaway(0), frames.goaway(0));
    expect(agent.goaways).toEqual(['draining: ']);
    agent.streams[0]?.end('served');
    agent.peer.send(frames.dataEnd(2));
    await settled();
    expect(sentOn(2, agent.peer.received)).toBe('served END');
    expect(agent.ends).toMatchObject([{ reason: 'draining' }]);
  });

  it('P50: without a stream both close at once', async () => {
    const hub = await play('hub');
    hub.peer.send(frames.goaway(0));
    await settled();
    expect(hub.ends).toMatchObject([{ reason: 'draining' }]);
    expect(hub.peer.received).toEqual([frames.goaway(0)]);
  });

  it.each(Object.entries(goawayCode).filter(([reason]) => reason !== 'draining'))(
    'P51, P52: %s is %i and ends the session at once, both ways',
    async (reason, code) => {
      const agent = await play('agent');
      agent.peer.send(frames.open(2), frames.goaway(code, 'why'));
      expect(agent.goaways).toEqual([`${reason}: why`]);
      expect(agent.ends).toEqual([{ reason, message: 'why', error: undefined }]);
      expect(agent.peer.state).toBe('closed');
      await settled();
      expect(agent.failures).toMatchObject([
        { code: 'stream.link-lost', message: 'the link ended: why' },
      ]);
      const hub = await play('hub');
      hub.open();
      hub.session.goaway(reason as keyof typeof goawayCode, 'why');
      expect(hub.ends).toEqual([{ reason, message: 'why', error: undefined }]);
      expect(hub.peer.received.at(-1)).toEqual(frames.goaway(code, 'why'));
      expect([hub.peer.state, hub.session.streamCount]).toEqual(['closed', 0]);
    },
  );

  it('P52: an unknown code reads as internal, and the text as printable ASCII', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.goaway(4711, 'a\u001bb'));
    expect(agent.ends).toMatchObject([{ reason: 'internal', message: 'a?b' }]);
  });

  it('P53: notices are carried both ways, unread, up to 4 KiB', async () => {
    const hub = await play('hub');
    hub.session.notice(bytes(4096));
    hub.session.notice(Buffer.alloc(0));
    expect(() => hub.session.notice(bytes(4097))).toThrow('a notice has at most 4 KiB');
    await settled();
    expect(hub.peer.received).toEqual([frames.notice(bytes(4096)), frames.notice('')]);
    hub.peer.send(frames.notice(bytes(4096)), frames.notice('{not json'));
    expect(hub.notices).toEqual(['a'.repeat(4096), '{not json']);
  });

  it('P53: a notice that nobody wants is dropped', async () => {
    const agent = await play('agent', { isDeaf: true });
    agent.peer.send(frames.notice('n'));
    expect(agent.ends).toEqual([]);
  });

  it('a goaway that nobody wants to hear of is obeyed', async () => {
    for (const code of [0, 3]) {
      const agent = await play('agent', { isDeaf: true });
      agent.peer.send(frames.goaway(code));
      await settled();
      expect(agent.ends).toHaveLength(1);
    }
  });

  it('a session that was destroyed before it began hears nothing of what waited', async () => {
    const agent = scriptedSession('agent');
    agent.peer.send(frames.open(2), frames.notice('waiting'));
    agent.session.destroy();
    await settled();
    expect([agent.streams, agent.notices, agent.ends.length]).toEqual([[], [], 1]);
  });

  it('a link that breaks ends the session with what broke', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2));
    const failure = new Error('cable');
    agent.peer.vanish(failure);
    expect(agent.ends).toEqual([
      { reason: undefined, message: 'the connection closed', error: failure },
    ]);
    await settled();
    expect(agent.failures).toMatchObject([{ code: 'stream.link-lost', cause: failure }]);
  });

  it('destroy ends it without a word, and passes its cause on', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2));
    const cause = new Error('shutting down');
    agent.session.destroy(cause);
    expect(agent.ends).toEqual([{ reason: undefined, message: 'destroyed', error: cause }]);
    await settled();
    expect([agent.peer.received, agent.peer.state]).toEqual([[], 'destroyed']);
  });
});
