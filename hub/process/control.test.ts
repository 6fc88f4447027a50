// Data folders of every kind arrive; the hub's control socket is in them, or its absence is told, and who speaks to it is heard or not.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect as connectSocket, createServer } from 'node:net';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';

import { recordingLogger } from '../../test/support/agents-door.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { ControlClient } from './control-client.ts';
import { Control, type ControlledHub } from './control.ts';

const folder = temporaryFolder('control');
let control: Control | undefined;
let logger: ReturnType<typeof recordingLogger>;
const clients: ControlClient[] = [];

beforeEach(() => {
  logger = recordingLogger();
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  control?.close();
});

class RecordedHub implements ControlledHub {
  readonly heard: string[] = [];
  readonly streamCount = 3;
  #onHeard: () => void = () => undefined;

  async beginHandOver(): Promise<{ links: number; moved: number }> {
    this.#hear('begin');
    return { links: 2, moved: 1 };
  }

  cancelHandOver(): void {
    this.#hear('cancel');
  }

  askToStop(): void {
    this.#hear('stop');
  }

  /** All it has heard, when that is so many words. */
  async hears(count: number): Promise<readonly string[]> {
    while (this.heard.length < count) {
      const heard = Promise.withResolvers<void>();
      this.#onHeard = heard.resolve;
      await heard.promise;
    }
    return this.heard;
  }

  #hear(word: string): void {
    this.heard.push(word);
    this.#onHeard();
  }
}

async function open(path = folder.path): Promise<RecordedHub> {
  const hub = new RecordedHub();
  control = await Control.open(path, hub, logger.log);
  return hub;
}

async function connect(path = folder.path, answerMs = 5000): Promise<ControlClient> {
  const client = await ControlClient.connect(path, { answerMs });
  if (client === undefined) throw new Error('nobody hears');
  clients.push(client);
  return client;
}

describe('the socket', () => {
  test('is in a folder that nobody has made yet', async () => {
    const path = join(folder.path, 'not', 'yet');
    const hub = await open(path);
    const client = await connect(path);
    expect(await client.ask('drain')).toEqual({ event: 'draining', streams: 3 });
    expect(hub.heard).toEqual(['stop']);
  });

  test('keeps no hub from running where there can be none', async () => {
    const path = join(folder.path, 'file');
    writeFileSync(path, '');
    await open(path);
    expect(control).toBeUndefined();
    expect(await ControlClient.connect(path)).toBeUndefined();
  });

  test('has a path of limited length: the hub runs without, and both ends say what to do', async () => {
    const path = join(folder.path, 'long'.repeat(30));
    await open(path);
    expect(control).toBeUndefined();
    const wanted = { code: 'control.path-too-long', message: expect.stringMatching(/SIGTERM/) };
    expect(logger.logged).toMatchObject([{ level: 'warn', err: wanted }]);
    await expect(ControlClient.connect(path)).rejects.toMatchObject(wanted);
  });

  test.skipIf(process.getuid?.() !== 0)('of another user is not no hub', async () => {
    await open();
    process.seteuid?.('nobody');
    onTestFinished(() => process.seteuid?.('root'));
    await expect(ControlClient.connect(folder.path)).rejects.toMatchObject({
      code: 'control.no-permission',
      message: expect.stringMatching(/as the user that runs the hub/),
    });
  });
});

describe('a successor', () => {
  test('is one at a time, until it goes', async () => {
    const hub = await open();
    const [first, second] = [await connect(), await connect()];
    await first.takeOver();
    await expect(second.takeOver()).rejects.toMatchObject({ code: 'control.busy' });
    await first.ask('hand-over');
    first.close();
    expect(await hub.hears(2)).toEqual(['begin', 'cancel']);
    await second.takeOver();
    expect(await second.ask('hand-over')).toEqual({ event: 'moved', links: 2, moved: 1 });
    expect(await second.ask('go')).toEqual({ event: 'draining', streams: 3 });
    expect(hub.heard).toEqual(['begin', 'cancel', 'begin', 'stop']);
  });

  test('that gives up before anything was handed over leaves all as it is', async () => {
    const hub = await open();
    const [first, next] = [await connect(), await connect()];
    await first.takeOver();
    first.close();
    await expect
      .poll(() =>
        next.takeOver().then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    expect(hub.heard).toEqual([]);
  });

  test('whose hub drains needs it no longer', async () => {
    const hub = await open();
    const successor = await connect(folder.path, 50);
    await successor.takeOver();
    await successor.ask('hand-over');
    await successor.ask('go');
    await expect(successor.ask('go')).rejects.toMatchObject({ code: 'control.silent' });
    expect(hub.heard).toEqual(['begin', 'stop']);
    expect(logger.logged).toEqual([]);
  });

  test('is nobody who has not asked to be', async () => {
    const hub = await open();
    const [successor, stranger] = [await connect(), await connect(folder.path, 50)];
    await successor.takeOver();
    // Never answered, and longer waited for than this test.
    stranger.ask('hand-over').catch(() => undefined);
    await expect(stranger.ask('go')).rejects.toMatchObject({ code: 'control.silent' });
    expect(hub.heard).toEqual([]);
  });
});

test('a command that is gone before its answer does the hub no harm', async () => {
  const hub = await open();
  for (const word of ['take-over', 'drain']) {
    const socket = connectSocket(join(folder.path, 'hub.sock'));
    await once(socket, 'connect');
    // Read first, it is answered to somebody who has gone.
    socket.write(`{"command":"${word}"}\n`, () => socket.destroy());
    await once(socket, 'close');
  }
  expect(await hub.hears(1)).toEqual(['stop']);
});

test('a hub that ends in place of an answer is not one that failed', async () => {
  const ending = createServer((socket) => socket.destroy()).listen(join(folder.path, 'hub.sock'));
  onTestFinished(() => void ending.close());
  await once(ending, 'listening');
  const client = await connect();
  expect(await client.ask('hand-over')).toBeUndefined();
  await client.ended();
  expect(await client.ask('go')).toBeUndefined();
});

test('a hub that says nothing is not waited for without end', async () => {
  const path = join(folder.path, 'hub.sock');
  const silent = createServer().listen(path);
  onTestFinished(() => void silent.close());
  await once(silent, 'listening');
  const client = await connect(folder.path, 50);
  await expect(client.takeOver()).rejects.toMatchObject({
    code: 'control.silent',
    message: expect.stringMatching(/not answered for 0.05 s: it hangs/),
  });
});
