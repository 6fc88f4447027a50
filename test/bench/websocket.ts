// A contender and a number of sockets arrive; messages per second that came back leave, and how long their round trips took.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import type { Certificate } from './certificate.ts';
import { visitedHost, type Contender } from './contender.ts';
import { echoPath } from './peer-origin.ts';

export interface Messages {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface MessagesOptions {
  readonly sockets: number;
  readonly seconds: number;
  readonly certificate: Certificate;
}

/** Each socket has one message on its way: what a player reports, and what a library tells its apps. */
export async function measureMessages(
  contender: Contender,
  { sockets, seconds, certificate }: MessagesOptions,
): Promise<Messages> {
  const options = {
    '--host': visitedHost,
    '--port': String(contender.port),
    '--path': echoPath,
    '--authority': certificate.authorityFile,
    '--sockets': String(sockets),
    '--measure-ms': String(seconds * 1000),
  };
  const { stdout } = await run(process.execPath, [
    messengerProgram,
    ...Object.entries(options).flat(),
  ]);
  return JSON.parse(stdout) as Messages;
}

const messengerProgram = fileURLToPath(new URL('messenger/main.ts', import.meta.url));
const run = promisify(execFile);
