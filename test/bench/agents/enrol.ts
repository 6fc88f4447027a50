// A hub and a count arrive; so many servers stand in its store, and their agents' keys leave: what enrolments leave behind, without them.

import { generateKeyPairSync, randomUUIDv7 } from 'node:crypto';

import { readConfig } from '../../../hub/config.ts';
import { openDatabase } from '../../../hub/db/connect.ts';
import { agents, labels, servers } from '../../../hub/db/schema.ts';
import { thisMachine } from '../../../hub/process/machine.ts';
import { agentIdOf } from '../../../hub/tunnels/identity.ts';
import { operatorId } from '../../../hub/tunnels/token.ts';
import { createLogger } from '../../../shared/log.ts';
import type { BenchHub } from '../hub-with-agent.ts';

/** As the process of an agent is told who it is. */
export interface EnrolledAgent {
  readonly agentId: string;
  readonly serverId: string;
  /** PEM of its Ed25519 key. */
  readonly privateKey: string;
}

/** A row has at most eight values, and a statement of PostgreSQL 65,535. */
const rowsPerStatement = 2000;

/** Ten thousand enrolments take minutes of everybody's processors; the rows are the same. */
export async function enrolAgents(
  { environment }: Pick<BenchHub, 'environment'>,
  count: number,
): Promise<EnrolledAgent[]> {
  const { databaseUrl, dataDir } = readConfig(environment, thisMachine(environment));
  const log = createLogger({ level: 'error', name: 'bench' });
  const settings = { url: databaseUrl?.reveal(), dataDir };
  const database = await openDatabase(settings, { purpose: 'command', log });
  try {
    const enrolled: EnrolledAgent[] = [];
    while (enrolled.length < count) {
      const batch = await makeBatch(Math.min(rowsPerStatement, count - enrolled.length));
      await database.queries.insert(servers).values(batch.map(({ server }) => server));
      await database.queries.insert(labels).values(batch.map(({ label }) => label));
      await database.queries.insert(agents).values(batch.map(({ agent }) => agent));
      enrolled.push(...batch.map(({ enrolledAgent }) => enrolledAgent));
    }
    return enrolled;
  } finally {
    await database.close();
  }
}

type Row<Table extends { readonly $inferInsert: object }> = Table['$inferInsert'];

interface Enrolment {
  readonly server: Row<typeof servers>;
  readonly label: Row<typeof labels>;
  readonly agent: Row<typeof agents>;
  readonly enrolledAgent: EnrolledAgent;
}

function makeBatch(count: number): Promise<Enrolment[]> {
  return Promise.all(Array.from({ length: count }, makeEnrolment));
}

async function makeEnrolment(): Promise<Enrolment> {
  const at = new Date();
  const serverId = randomUUIDv7();
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const rawKey = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  const agentId = await agentIdOf(rawKey);
  // The last twelve digits of a UUIDv7 are random.
  const label = `idle-${serverId.slice(-12)}`;
  return {
    server: { id: serverId, ownerId: operatorId, name: label, createdAt: at },
    label: { label, ownerId: operatorId, serverId, state: 'active', claimedAt: at },
    agent: { agentId, publicKey: rawKey, serverId, createdAt: at },
    enrolledAgent: {
      agentId,
      serverId,
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    },
  };
}
