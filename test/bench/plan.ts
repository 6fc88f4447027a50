// The wish for a quick run arrives; how often and how long everything is measured leaves.

export interface Plan {
  /** Of all contenders in turn, so that a machine that slows down slows them all. */
  readonly rounds: number;
  readonly throughputSeconds: number;
  readonly requestSeconds: number;
  readonly loadRounds: number;
  readonly loadSeconds: number;
  /** Beside bulk on no line: the processor is what is shared then, and the other rows say that too. */
  readonly hasUnshapedLoad: boolean;
  readonly idleTunnels: number;
  readonly idleStreams: number;
  /** No further round begins after this. */
  readonly budgetMs: number;
}

export const fullPlan: Plan = {
  rounds: 5,
  throughputSeconds: 4,
  requestSeconds: 4,
  loadRounds: 3,
  loadSeconds: 8,
  hasUnshapedLoad: true,
  idleTunnels: 200,
  idleStreams: 500,
  budgetMs: 1_800_000,
};

/** Two minutes on two idle cores; where others work on them too, one round must do for the 150 s that a pipeline gives it. */
export const quickPlan: Plan = {
  rounds: 2,
  throughputSeconds: 2,
  requestSeconds: 2,
  loadRounds: 1,
  loadSeconds: 4,
  hasUnshapedLoad: false,
  idleTunnels: 50,
  idleStreams: 200,
  budgetMs: 40_000,
};
