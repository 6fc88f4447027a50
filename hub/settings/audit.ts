// The HUB_AUDIT_, HUB_AUTH_LOG and HUB_BAN_ settings arrive; what is written down of the hub's life, for how long, and how the banned are met leaves.

import { join } from 'node:path';

import { z } from 'zod';

import { auditEvents, isExcludable, usuallyExcluded, type AuditEvent } from '../audit/event.ts';
import { defaultAuditLimits, type AuditLimits } from '../audit/limits.ts';
import { choice, duration, integer, path, setting, size } from '../../shared/settings/kinds.ts';

const day = 24 * 60 * 60 * 1000;
const mebibyte = 1024 * 1024;

export const auditSettings = {
  HUB_AUDIT_EXCLUDE: setting(
    {
      expected:
        'names of events, or none; what concerns login., mfa., admin., cert., ban., key. and gate.decision.deny is always written down',
      remedy: `write names with commas between, such as ${usuallyExcluded.join(', ')}`,
    },
    excludedEvents,
  ).default([...usuallyExcluded]),
  HUB_AUDIT_FILE_SIZE: size(mebibyte, 1024 * mebibyte).optional(),
  HUB_AUDIT_FILES: integer(1, 10_000).optional(),
  HUB_AUDIT_RETENTION: duration(day, 3650 * day).optional(),
  HUB_AUTH_LOG: z.union([choice(['off']), path()], { error: 'expected a path, or off' }).optional(),
  HUB_BAN_ANSWER: choice(['page', 'close']).default('page'),
} as const;

type Settings = z.output<z.ZodObject<typeof auditSettings>>;

export interface AuditSettings {
  readonly folder: string;
  readonly authLogPath: string | undefined;
  readonly limits: AuditLimits;
  readonly excluded: ReadonlySet<AuditEvent>;
}

export function auditOf(settings: Settings, dataDir: string): AuditSettings {
  const { HUB_AUTH_LOG: authLog = join(dataDir, 'auth.log') } = settings;
  return {
    folder: join(dataDir, 'audit'),
    authLogPath: authLog === 'off' ? undefined : authLog,
    limits: {
      fileBytes: settings.HUB_AUDIT_FILE_SIZE ?? defaultAuditLimits.fileBytes,
      files: settings.HUB_AUDIT_FILES ?? defaultAuditLimits.files,
      keptMs: settings.HUB_AUDIT_RETENTION ?? defaultAuditLimits.keptMs,
    },
    excluded: new Set(settings.HUB_AUDIT_EXCLUDE),
  };
}

/** `gate.*` stands for all of an area, and is refused when one of them may not be left out. */
function excludedEvents(text: string): AuditEvent[] | undefined {
  if (text.trim() === 'none') return [];
  const found = text.split(',').flatMap((name) => eventsOf(name.trim()) ?? [undefined]);
  return found.every((event) => event !== undefined && isExcludable(event))
    ? found.filter((event) => event !== undefined)
    : undefined;
}

function eventsOf(name: string): AuditEvent[] | undefined {
  const area = name.endsWith('.*') ? name.slice(0, -1) : undefined;
  const events = auditEvents.filter((event) =>
    area === undefined ? event === name : event.startsWith(area),
  );
  return events.length === 0 ? undefined : events;
}
