import { Buffer } from 'node:buffer';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Keepalive } from './keepalive.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

function start() {
  const sent: Buffer[] = [];
  const rtts: number[] = [];
  let deaths = 0;
  const keepalive = new Keepalive({
    intervalMs: 15_000,
    deadlineMs: 10_000,
    nowMs: () => performance.now(),
    send: (payload) => void sent.push(payload),
    onRtt: (rttMs) => void rtts.push(rttMs),
    onDead: () => void (deaths += 1),
  });
  keepalive.start();
  const replyTo = (at: number) => keepalive.receiveReply(sent[at] ?? Buffer.alloc(0));
  return { keepalive, sent, rtts, replyTo, deaths: () => deaths };
}

it('pings at once, and an interval after each reply (P45)', () => {
  const { sent, replyTo } = start();
  expect(sent).toHaveLength(1);
  expect(sent[0]).toHaveLength(8);
  vi.advanceTimersByTime(40);
  replyTo(0);
  vi.advanceTimersByTime(14_999);
  expect(sent).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(sent).toHaveLength(2);
  expect(sent[1]?.equals(sent[0] ?? Buffer.alloc(0))).toBe(false);
});

it('measures the round trip of every reply', () => {
  const { keepalive, rtts, replyTo } = start();
  expect(keepalive.rttMs).toBeUndefined();
  vi.advanceTimersByTime(40);
  replyTo(0);
  expect(keepalive.rttMs).toBe(40);
  vi.advanceTimersByTime(15_000 + 25);
  replyTo(1);
  expect(rtts).toEqual([40, 25]);
  expect(keepalive.rttMs).toBe(25);
});

it('declares the link dead once when no reply came within the deadline (P45)', () => {
  const { sent, deaths } = start();
  vi.advanceTimersByTime(9_999);
  expect(deaths()).toBe(0);
  vi.advanceTimersByTime(1);
  expect(deaths()).toBe(1);
  vi.advanceTimersByTime(60_000);
  expect([deaths(), sent.length]).toEqual([1, 1]);
});

it('a reply in time keeps the link alive, ping after ping', () => {
  const { replyTo, deaths } = start();
  for (let ping = 0; ping < 5; ping += 1) {
    vi.advanceTimersByTime(9_999);
    replyTo(ping);
    vi.advanceTimersByTime(15_000);
  }
  expect(deaths()).toBe(0);
});

it('a reply with another payload is ignored, and so is an old one (P45)', () => {
  const { keepalive, rtts, replyTo, deaths } = start();
  keepalive.receiveReply(Buffer.alloc(8));
  expect(rtts).toEqual([]);
  replyTo(0);
  replyTo(0);
  expect(rtts).toHaveLength(1);
  vi.advanceTimersByTime(15_000);
  replyTo(0);
  vi.advanceTimersByTime(10_000);
  expect(deaths()).toBe(1);
});

it('a second reply to the same ping does not bring the next one sooner or twice', () => {
  const { sent, replyTo } = start();
  replyTo(0);
  vi.advanceTimersByTime(10_000);
  replyTo(0);
  vi.advanceTimersByTime(5_000);
  expect(sent).toHaveLength(2);
});

it('is silent once stopped, even if a reply still comes', () => {
  const { keepalive, sent, rtts, replyTo, deaths } = start();
  keepalive.stop();
  replyTo(0);
  vi.advanceTimersByTime(60_000);
  expect([deaths(), sent.length, rtts.length]).toEqual([0, 1, 0]);
  expect(vi.getTimerCount()).toBe(0);
});

it('is silent when stopped between a reply and the next ping', () => {
  const { keepalive, sent, replyTo } = start();
  replyTo(0);
  keepalive.stop();
  vi.advanceTimersByTime(60_000);
  expect(sent).toHaveLength(1);
});

it('a probe asks at once and waits for less; its answer puts everything back', () => {
  const { keepalive, sent, replyTo, deaths } = start();
  replyTo(0);
  vi.advanceTimersByTime(7_000);
  keepalive.probe(3_000);
  expect(sent).toHaveLength(2);
  vi.advanceTimersByTime(2_999);
  replyTo(1);
  vi.advanceTimersByTime(15_000);
  expect([sent.length, deaths()]).toEqual([3, 0]);
  vi.advanceTimersByTime(9_999);
  expect(deaths()).toBe(0);
});

it('a probe without an answer is a death, even if the answer to an older ping still comes', () => {
  const { keepalive, sent, replyTo, deaths } = start();
  keepalive.probe(3_000);
  replyTo(0);
  expect(sent).toHaveLength(2);
  vi.advanceTimersByTime(2_999);
  expect(deaths()).toBe(0);
  vi.advanceTimersByTime(1);
  expect(deaths()).toBe(1);
});

it('probes that follow each other do not put off the death of a link', () => {
  const { keepalive, sent, deaths } = start();
  for (let second = 0; second < 5; second += 1) {
    expect(deaths()).toBe(0);
    keepalive.probe(4_500);
    vi.advanceTimersByTime(1_000);
  }
  expect([sent.length, deaths()]).toEqual([2, 1]);
});

it('a probe leaves a ping alone whose answer is due as soon, or sooner', () => {
  const { keepalive, sent, deaths } = start();
  keepalive.probe(10_000);
  keepalive.probe(60_000);
  expect(sent).toHaveLength(1);
  vi.advanceTimersByTime(10_000);
  expect(deaths()).toBe(1);
});

it('a probe wakes nothing that has stopped', () => {
  const { keepalive, sent } = start();
  keepalive.stop();
  keepalive.probe(1);
  vi.advanceTimersByTime(60_000);
  expect(sent).toHaveLength(1);
});
