// What the API answers about where notices go leaves here, as pages read it.

import type { Listed } from './server-answers.ts';

export interface NoticeTargetAnswer {
  readonly id: string;
  readonly kind: 'mail' | 'webhook' | 'ntfy' | 'gotify';
  readonly label: string;
  readonly kinds: readonly string[];
  readonly allow: readonly string[];
  readonly is_enabled: boolean;
  readonly last_sent_at: string | null;
  readonly failed_at: string | null;
  readonly failure: string | null;
}

export interface NoticeAnswers {
  'notices.list': Listed<NoticeTargetAnswer>;
  'hub-notices.list': Listed<NoticeTargetAnswer>;
}
