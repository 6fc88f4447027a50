// A hub arrives; what it writes anywhere is gathered: answers, log, files, every table and its metrics. Clients of it leave that plant the cookies they get.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';

import { sql } from 'drizzle-orm';

import { openDatabase } from '../../hub/db/connect.ts';
import { ApiClient, type ApiAnswer, type ApiQuestion } from './api-client.ts';
import type { Canaries } from './canaries.ts';
import { silent } from './databases.ts';
import type { HubProcess } from './deployment.ts';

interface Place {
  readonly name: string;
  readonly text: string;
}

/** In the data folder: keys that are secrets by themselves, and the database, which is looked at by its tables. */
const closedNames = new Set(['postgres', 'database', 'sealing.key', 'local-ca']);

export class Witness {
  readonly answers: Place[] = [];
  readonly lines: string[] = [];
  readonly #hub: () => HubProcess;
  readonly #canaries: Canaries;

  constructor(hub: () => HubProcess, canaries: Canaries) {
    this.#hub = hub;
    this.#canaries = canaries;
  }

  client(): ApiClient {
    return new WitnessedClient(this.#hub(), (question, answer) => this.#hear(question, answer));
  }

  /** Bytes that no client would send, to the visitors' door; what came back until it was closed. */
  async raw(text: string, serverName = 'hub.localhost'): Promise<string> {
    const { https } = this.#hub().ports;
    const socket = connect({
      host: '127.0.0.1',
      port: https,
      servername: serverName,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
    });
    const pieces: Buffer[] = [];
    socket.setTimeout(15_000, () => socket.destroy());
    socket.on('data', (piece: Buffer) => pieces.push(piece));
    socket.on('error', () => undefined);
    socket.write(text);
    await new Promise((resolve) => socket.once('close', resolve));
    const answer = Buffer.concat(pieces).toString('latin1');
    this.answers.push({ name: 'an answer to a malformed request', text: answer });
    return answer;
  }

  async metrics(): Promise<string> {
    const line = this.lines.findLast((each) => each.includes('metrics are served')) ?? '{}';
    const { port } = (JSON.parse(line) as { metrics: { port: number } }).metrics;
    return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  }

  /** Everything that the hub has written by now. */
  async places(): Promise<Place[]> {
    const { folder, program } = this.#hub();
    return [
      ...this.answers,
      { name: 'the log', text: this.lines.join('\n') },
      { name: 'the output', text: program.output },
      { name: 'the metrics', text: await this.metrics() },
      ...filesIn(folder),
      ...(await tablesOf(folder)),
    ];
  }

  #hear(question: string, { text, headers, setCookies }: ApiAnswer): void {
    this.answers.push({ name: `the answer to ${question}`, text });
    const { 'set-cookie': _told, location, ...others } = headers;
    // The way to a provider carries what belongs to it.
    const way = location?.startsWith('/') === true ? location : '';
    this.answers.push({ name: `the fields to ${question}`, text: JSON.stringify([others, way]) });
    for (const line of setCookies) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      // Behind a selector, which only names its row, stands what is secret.
      const secret = value.slice(value.indexOf('.') + 1);
      if (secret !== '') this.#canaries.plant(`cookie ${name}`, secret);
    }
  }
}

class WitnessedClient extends ApiClient {
  readonly #onAnswer: (question: string, answer: ApiAnswer) => void;

  constructor(hub: HubProcess, onAnswer: (question: string, answer: ApiAnswer) => void) {
    super(hub);
    this.#onAnswer = onAnswer;
  }

  override async ask(method: string, path: string, question: ApiQuestion = {}): Promise<ApiAnswer> {
    const answer = await super.ask(method, path, question);
    this.#onAnswer(`${method} ${path.replace(/[?#].*/, '')}`, answer);
    return answer;
  }
}

function filesIn(folder: string): Place[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !closedNames.has(name))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesIn(path);
      return entry.isFile() ? [{ name: path, text: readFileSync(path, 'latin1') }] : [];
    });
}

/** As COPY would write them: bytes as hex. */
async function tablesOf(dataDir: string): Promise<Place[]> {
  const settings = { url: undefined, dataDir };
  const database = await openDatabase(settings, { purpose: 'command', log: silent });
  const { queries } = database;
  try {
    const named = await queries.execute<{ name: string }>(
      sql`SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
          WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`,
    );
    const places: Place[] = [];
    for (const { name } of named.rows) {
      const { rows } = await queries.execute<{ line: string }>(
        sql`SELECT copied::text AS line FROM ${sql.raw(name)} AS copied`,
      );
      places.push({ name: `table ${name}`, text: rows.map(({ line }) => line).join('\n') });
    }
    return places;
  } finally {
    await database.close();
  }
}
