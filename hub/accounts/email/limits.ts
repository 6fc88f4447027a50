// How long what is mailed is good for, and how much of it anybody may ask for, leave here, each with its reason (row A-04).

const minute = 60_000;

export const emailLimits = {
  /** Row A-04. Mail takes seconds; who needs longer asks for another one. */
  codeLifeMs: 5 * minute,
  /** Row A-04: five guesses of a million, then the code is worth nothing. */
  codeTries: 5,
  /** People read such mail when they next look, which may be tomorrow. */
  verifyLifeMs: 24 * 60 * minute,
  /** Section 4.3, #71: long enough to find the letter among the others. */
  resetLifeMs: 30 * minute,
  /** Letters under way at once. Each waits for a mail server; beyond this one does not answer, or is being flooded through us. */
  lettersAtOnce: 100,
  /** When the hub stops, letters under way are waited for so long. */
  stopMs: 5000,
} as const;

/** What somebody asks to be sent. Each is counted by itself: whoever asks for a stranger's password takes no code from them. */
export type LetterPurpose = 'code' | 'verify' | 'reset' | 'invite';

export interface SendRule {
  readonly most: number;
  readonly windowMs: number;
}

interface SendRules {
  /** Whom it is for; of invitations, who makes them. */
  readonly account: SendRule;
  readonly address: SendRule;
}

/** Row A-04's: one letter gets lost, a second one too; a third is patience. A household behind one address asks five times. */
const ownRules: SendRules = {
  account: { most: 3, windowMs: 10 * minute },
  address: { most: 5, windowMs: 5 * minute },
};

/** A family or a club is invited in one evening; whoever wants to write to strangers shall not do it by this hub. */
const inviteRules: SendRules = { ...ownRules, account: { most: 10, windowMs: 10 * minute } };

export const sendRules: Readonly<Record<LetterPurpose, SendRules>> = {
  code: ownRules,
  verify: ownRules,
  reset: ownRules,
  invite: inviteRules,
};
