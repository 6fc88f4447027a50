// The wish for a quick run, or for parts of one, arrives; what is measured, how often and how long leaves.

/** What can be measured by itself: the contenders side by side, on their lines too, or the hub alone. */
const parts = ['rows', 'lines', 'streams', 'agents', 'handshakes', 'cost', 'start'] as const;
export type Part = (typeof parts)[number];

export interface Plan {
  readonly parts: ReadonlySet<Part>;
  /** Of all contenders in turn, so that a machine that slows down slows them all. */
  readonly rounds: number;
  readonly throughputSeconds: number;
  readonly requestSeconds: number;
  readonly messageSeconds: number;
  readonly loadRounds: number;
  readonly loadSeconds: number;
  /** Beside bulk on no line: the processor is what is shared then, and the other rows say that too. */
  readonly hasUnshapedLoad: boolean;
  readonly idleStreams: number;
  /** One hub for each of these. */
  readonly idleAgents: readonly number[];
  /** Of those agents; without any, only their memory is measured, and not how they come back. */
  readonly restSeconds: number;
  /** Loaded at once: 1, a wildcard for all names, and then one for each name. */
  readonly handshakeCertificates: readonly number[];
  readonly handshakeRounds: number;
  readonly handshakeSeconds: number;
  /** How many streams play at once, in rising order. */
  readonly costSteps: readonly number[];
  readonly costSeconds: number;
  /** Of hub and agent, with what they have already. */
  readonly startRounds: number;
  /** Before what they hold is read. */
  readonly startRestSeconds: number;
  /** Of a stage: no further round of it begins after this. */
  readonly budgetMs: number;
}

export interface PlanWish {
  readonly quick: boolean;
  readonly only?: string | undefined;
  readonly agents?: string | undefined;
}

/** @throws RangeError on a part that does not exist, or a number that is none */
export function planOf({ quick, only, agents }: PlanWish): Plan {
  const plan = quick ? quickPlan : fullPlan;
  if (agents !== undefined) {
    const count = Number(agents);
    if (!Number.isInteger(count) || count < 1) throw new RangeError(`--agents ${agents}: a number`);
    return { ...fullPlan, parts: new Set(['agents']), idleAgents: [count] };
  }
  return only === undefined ? plan : { ...plan, parts: new Set(only.split(',').map(partOf)) };
}

function partOf(word: string): Part {
  const part = parts.find((name) => name === word);
  if (part === undefined) throw new RangeError(`--only ${word}: one of ${parts.join(', ')}`);
  return part;
}

const fullPlan: Plan = {
  parts: new Set(parts),
  rounds: 4,
  throughputSeconds: 4,
  requestSeconds: 4,
  messageSeconds: 2,
  loadRounds: 3,
  loadSeconds: 6,
  hasUnshapedLoad: true,
  idleStreams: 500,
  idleAgents: [2000, 10_000],
  restSeconds: 30,
  handshakeCertificates: [1, 10_000],
  handshakeRounds: 3,
  handshakeSeconds: 3,
  // From 250 on there are more than warmed the process up, as growth of memory needs.
  costSteps: [1, 10, 100, 250, 500, 1000],
  costSeconds: 10,
  startRounds: 5,
  startRestSeconds: 10,
  budgetMs: 300_000,
};

/**
 * Some two minutes on two idle cores, and a pipeline gives it 150 s: one round must do. wrk and h2load know whole seconds, and
 * in one of them 256 connections do little more than shake hands.
 */
const quickPlan: Plan = {
  // Cost against load takes 40 s that a pipeline does not have.
  parts: new Set(parts.filter((part) => part !== 'cost')),
  rounds: 1,
  throughputSeconds: 1.5,
  requestSeconds: 2,
  messageSeconds: 1,
  loadRounds: 1,
  loadSeconds: 2,
  hasUnshapedLoad: false,
  idleStreams: 200,
  idleAgents: [200],
  restSeconds: 0,
  handshakeCertificates: [200],
  handshakeRounds: 1,
  handshakeSeconds: 0.5,
  costSteps: [10, 150, 300],
  costSeconds: 3,
  startRounds: 2,
  startRestSeconds: 2,
  budgetMs: 15_000,
};
