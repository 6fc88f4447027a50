import { connect as connectTcp } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { setTimeout as wait } from 'node:timers/promises';

import { afterEach, describe, expect, vi } from 'vitest';

import type { HubConfig } from '../../hub/config.ts';
import { Crush } from '../../hub/gateway/crush.ts';
import { hubHost, tenantDomain, type AgentsDoor } from '../support/agents-door.ts';
import {
  enrolled,
  handshake,
  openDoor,
  putAway,
  secure,
  upgrade,
} from '../support/knocking-agent.ts';
import { testBehaviours, type Behaviour } from './behaviour.ts';

const patienceMs = 1500;

afterEach(putAway);

async function doorOf({ gatewayLimits: limits, apiLimits }: HubConfig): Promise<AgentsDoor> {
  return openDoor({ limits, apiLimits });
}

async function isClosed(socket: {
  on(event: 'error', listener: () => void): unknown;
  once(event: 'close', listener: () => void): unknown;
}): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.on('error', () => undefined);
  socket.once('close', () => resolve(true));
  return Promise.race([promise, wait(patienceMs, false)]);
}

/** How many of so many agents that come at once are let in to shake hands. */
async function admitted(hub: AgentsDoor, agents: number): Promise<number> {
  const tried = await Promise.allSettled(Array.from({ length: agents }, () => upgrade(hub)));
  return tried.filter(({ status }) => status === 'fulfilled').length;
}

const strangers: readonly Behaviour[] = [
  {
    name: 'HUB_LIMIT_AGENT_HANDSHAKE_TIMEOUT',
    value: '200ms',
    usual: false,
    changed: true,
    async look(config) {
      const { port } = await doorOf(config);
      const socket = connectTcp(port, '127.0.0.1').resume();
      return isClosed(socket);
    },
  },
  {
    name: 'HUB_LIMIT_AGENT_TIMEOUT',
    value: '200ms',
    usual: false,
    changed: true,
    look: async (config) => isClosed((await upgrade(await doorOf(config))).websocket),
  },
  {
    name: 'HUB_LIMIT_AGENT_HANDSHAKES',
    value: '2',
    usual: 64,
    changed: 2,
    async look({ gatewayLimits: { handshakesWhenLate: mostWhenLate } }) {
      let nowMs = 0;
      const crush = new Crush({ mostWhenLate, nowMs: () => nowMs });
      // A second behind its time.
      nowMs = 1100;
      let begun = 0;
      while (begun < 100 && crush.enter()) begun += 1;
      crush.stop();
      return begun;
    },
  },
  {
    name: 'HUB_LIMIT_AGENT_CONNECTIONS_PER_ADDRESS',
    value: '2',
    usual: 3,
    changed: 2,
    async look(config) {
      const hub = await doorOf(config);
      const tried = [];
      for (let count = 0; count < 3; count++)
        tried.push(
          await secure(hub).then(
            () => 1,
            () => 0,
          ),
        );
      return tried.reduce<number>((sum, one) => sum + one, 0);
    },
  },
  {
    name: 'HUB_LIMIT_AGENT_FAILURES',
    value: '2',
    usual: 4,
    changed: 2,
    async look(config) {
      const hub = await doorOf(config);
      const key = await enrolled(hub);
      let failures = 0;
      for (let count = 0; count < 4; count++) {
        const opened = await upgrade(hub).catch(() => undefined);
        if (opened === undefined) break;
        await handshake(opened, key, { nonce: Buffer.alloc(32) }).catch(() => (failures += 1));
      }
      return failures;
    },
  },
  {
    name: 'HUB_LIMIT_AGENT_ARRIVALS',
    value: '2',
    usual: 8,
    changed: 'fewer',
    async look(config) {
      const came = await admitted(await doorOf(config), 8);
      return came < 8 && came >= 2 ? 'fewer' : came;
    },
  },
];

const links: readonly Behaviour[] = [
  {
    name: 'HUB_LIMIT_LINKS_PER_AGENT',
    value: '3',
    usual: 8,
    changed: 3,
    async look(config) {
      const hub = await doorOf(config);
      const { welcome } = await handshake(await upgrade(hub), await enrolled(hub));
      return welcome.maxLinks;
    },
  },
  {
    name: 'HUB_LIMIT_AGENT_STREAMS',
    value: '5',
    usual: 20,
    changed: 5,
    async look(config) {
      const hub = await doorOf(config);
      await handshake(await upgrade(hub), await enrolled(hub));
      const find = () => hub.tunnels.find(`movies.${tenantDomain}`)?.links[0];
      await vi.waitFor(() => expect(find()).toBeDefined());
      let open = 0;
      try {
        for (; open < 20; open++)
          find()
            ?.openStream()
            .on('error', () => undefined);
      } catch {
        // As many as it carries.
      }
      return open;
    },
  },
];

/** All of the answer to one request of an agent that enrols; empty: none came. */
async function asks(socket: TLSSocket, text: string): Promise<string> {
  const whole = Promise.withResolvers<string>();
  let said = '';
  const onData = (piece: string): void => {
    said += piece;
    if (/\}\s*(0\s*)?$/.test(said)) whole.resolve(said);
  };
  socket.setEncoding('utf8').on('data', onData);
  socket.on('error', () => undefined);
  socket.write(text);
  const answer = await Promise.race([whole.promise, wait(patienceMs, '')]);
  socket.off('data', onData);
  return answer;
}

const statusOf = (answer: string): string => answer.split(' ')[1] ?? 'nothing';

const head = (method: string, fields = ''): string =>
  `${method} /api/v1/enrol HTTP/1.1\r\nHost: ${hubHost}\r\n${fields}\r\n`;

function post(body: string): string {
  const length = Buffer.byteLength(body);
  return `${head('POST', `Content-Type: application/json\r\nContent-Length: ${length}\r\n`)}${body}`;
}

/** Of the right shape, of a token that nobody has made. */
const redemption = JSON.stringify({
  token_id: 'A'.repeat(8),
  secret: 'b'.repeat(43),
  public_key: 'C'.repeat(43),
  signature: 'd'.repeat(86),
  claim: true,
  name: null,
  software: 'test/1',
});

const enrolments: readonly Behaviour[] = [
  {
    name: 'HUB_LIMIT_ENROL_NONCE',
    value: '1s',
    usual: false,
    changed: true,
    async look(config) {
      const socket = await secure(await doorOf(config));
      await asks(socket, head('GET'));
      await wait(1200);
      return (await asks(socket, post(redemption))).includes('Ask for a nonce');
    },
  },
  {
    name: 'HUB_LIMIT_ENROL_SIZE',
    value: '1KiB',
    usual: '400',
    changed: '413',
    async look(config) {
      const body = JSON.stringify({ name: 'x'.repeat(2000) });
      return statusOf(await asks(await secure(await doorOf(config)), post(body)));
    },
  },
  {
    name: 'HUB_LIMIT_ENROL_TIMEOUT',
    value: '200ms',
    usual: 'nothing',
    changed: '408',
    async look(config) {
      const fields = 'Content-Type: application/json\r\nContent-Length: 100\r\n';
      const socket = await secure(await doorOf(config));
      return statusOf(await asks(socket, `${head('POST', fields)}{`));
    },
  },
];

describe('agents that are strangers', () => {
  testBehaviours(strangers);
});
describe('the links of an agent', () => {
  testBehaviours(links);
});
describe('enrolments', () => {
  testBehaviours(enrolments);
});
