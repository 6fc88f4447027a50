// Settings and the stored identity arrive; what stands between this agent and its hub leaves: name, ways, certificate, clock.

import { Buffer } from 'node:buffer';
import { request } from 'node:http';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

import { EnrolmentTokenError, parseEnrolmentToken } from '../../shared/enrolment-token.ts';
import type { Secret } from '../../shared/settings/secret.ts';
import type { AgentConfig, Endpoint } from '../config.ts';
import type { Enrolled } from '../credentials.ts';
import { dial } from '../dialling/dial.ts';
import { asFailure } from '../failure.ts';
import { findingOf, type Finding } from './finding.ts';
import { OneConnection, tunnelUrlList, tunnelUrlsAt, unexpected } from '../hub-api.ts';
import { isLoopbackName } from '../dialling/resolve.ts';
import { findPinnedCa, trustOf, type Trust } from '../trust.ts';
import { Ways } from '../ways.ts';

export interface HubExamination {
  readonly config: AgentConfig;
  readonly identity: Enrolled | undefined;
  readonly readToken: () => Secret | undefined;
}

/** For each step; somebody sits and waits for the table. */
const deadlineMs = 5000;
/** Certificates and tokens live for hours; half a minute is what a clock without NTP loses in a week. */
const maxClockErrorMs = 30_000;

export async function examineHub(asked: HubExamination): Promise<Finding[]> {
  const { hub } = asked.config;
  const findings = [await checkName(hub)];
  if (findings[0]?.state === 'wrong') return findings;
  let trust: Trust;
  try {
    trust = await trustOf(asked.config, asked.identity?.caPem ?? (await caOfToken(asked)));
  } catch (error) {
    return [...findings, findingOf('hub', asFailure(error).message)];
  }
  const site = await checkSite(hub, trust);
  const urls = site.tunnelUrls ?? asked.identity?.tunnelUrls ?? [];
  const doors = await Promise.all(
    new Ways(hub, urls).order(0).map((url) => checkDoor(hub, url, trust)),
  );
  return [...findings, ...site.findings, ...judged(doors)];
}

async function checkName(hub: AgentConfig['hub']): Promise<Finding> {
  const check = 'name of the hub';
  if (hub.proxy !== undefined) {
    return {
      check,
      state: 'ok',
      found: `${hub.hostname} is looked up by the proxy ${hub.proxy.url}`,
    };
  }
  if (isIP(hub.hostname) !== 0 || isLoopbackName(hub.hostname)) {
    return { check, state: 'ok', found: `${hub.hostname} needs no DNS` };
  }
  try {
    const addresses = (await lookup(hub.hostname, { all: true })).map(({ address }) => address);
    return { check, state: 'ok', found: `${hub.hostname} is ${addresses.join(', ')}` };
  } catch {
    const found = `the name ${hub.hostname} does not resolve`;
    return { check, state: 'wrong', found, remedy: "check PHLIX_HUB_URL and this machine's DNS" };
  }
}

/** Before the first enrolment the token says which authority to trust. */
async function caOfToken({
  config,
  identity,
  readToken,
}: HubExamination): Promise<string | undefined> {
  if (identity !== undefined || config.hubCaFile !== undefined) return undefined;
  try {
    const pin = parseEnrolmentToken(readToken()?.reveal().trim() ?? '').caFingerprint;
    if (pin === undefined) return undefined;
    return await findPinnedCa(config.hub, pin, { deadlineMs, signal: neverAborted });
  } catch (error) {
    if (error instanceof EnrolmentTokenError) return undefined;
    throw error;
  }
}

interface Site {
  readonly findings: Finding[];
  readonly tunnelUrls: readonly string[] | undefined;
}

async function checkSite(hub: Endpoint, trust: Trust): Promise<Site> {
  const check = 'hub';
  try {
    const socket = await dial(hub, { ...trust, deadlineMs, signal: neverAborted });
    const verified = trust.verifies
      ? 'its certificate is trusted'
      : 'its certificate is not checked';
    const answer = await ask(hub, new OneConnection(socket)).finally(() => socket.destroy());
    const findings: Finding[] = [
      { check, state: 'ok', found: `${hub.url} answers, and ${verified}` },
      checkClock(answer.date),
    ];
    return { findings, tunnelUrls: tunnelUrlsOf(hub, answer.text) };
  } catch (error) {
    return { findings: [findingOf(check, asFailure(error).message)], tunnelUrls: undefined };
  }
}

function checkClock(date: string | undefined): Finding {
  const check = 'clock';
  const differenceMs = Date.parse(date ?? '') - Date.now();
  if (Number.isNaN(differenceMs)) {
    return { check, state: 'unknown', found: 'the hub does not say what time it is' };
  }
  const seconds = Math.round(Math.abs(differenceMs) / 1000);
  if (Math.abs(differenceMs) <= maxClockErrorMs) {
    return { check, state: 'ok', found: `within ${Math.max(1, seconds)} s of the hub's` };
  }
  const direction = differenceMs > 0 ? 'behind' : 'ahead of';
  return {
    check,
    state: 'wrong',
    found: `this machine's clock is ${seconds} s ${direction} the hub's`,
    remedy:
      'let it be set by NTP (timedatectl set-ntp true), or find out whether it is the hub that is wrong',
  };
}

async function checkDoor(hub: Endpoint, tunnelUrl: string, trust: Trust): Promise<Finding> {
  const url = new URL(tunnelUrl);
  const port = Number(url.port || 443);
  const check = `tunnel by ${port}`;
  const door: AgentConfig['hub'] = { ...hub, port, url: `https://${url.host}` };
  try {
    const socket = await dial(door, { ...trust, deadlineMs, signal: neverAborted });
    socket.destroy();
    return { check, state: 'ok', found: `${tunnelUrl} is open` };
  } catch (error) {
    return findingOf(check, asFailure(error).message);
  }
}

/** One open door is enough: a blocked one beside it costs nothing but the choice. */
function judged(doors: readonly Finding[]): readonly Finding[] {
  if (!doors.some(({ state }) => state === 'ok')) return doors;
  return doors.map((door) => (door.state === 'ok' ? door : { ...door, state: 'warning' }));
}

function tunnelUrlsOf(hub: Endpoint, text: string): readonly string[] | undefined {
  try {
    const told: unknown = JSON.parse(text);
    const urls = (told as { tunnel_urls?: unknown } | null)?.tunnel_urls;
    const parsed = tunnelUrlList.safeParse(urls);
    return parsed.success ? tunnelUrlsAt(hub, parsed.data) : undefined;
  } catch {
    return undefined;
  }
}

function ask(
  hub: Endpoint,
  agent: OneConnection,
): Promise<{ date: string | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const url = `http://${new URL(hub.url).host}/api/v1/tunnel`;
    const signal = AbortSignal.timeout(deadlineMs);
    const asking = request(url, { agent, signal, headers: { accept: 'application/json' } });
    asking.once('error', () => reject(unexpected(hub, 'the connection broke')));
    asking.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => {
        if (chunks.push(chunk) > maxChunks) response.destroy();
      });
      response.once('close', () =>
        resolve({ date: response.headers.date, text: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    asking.end();
  });
}

/** The answer fits into one; a page of somebody else's may be longer. */
const maxChunks = 16;
const neverAborted = new AbortController().signal;
