import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { auditEvents } from './event.ts';

/** Of a later version; HUB_AUDIT_EXCLUDE must refuse it today already, and README says that nobody says it yet. */
const ofLaterVersions = ['gate.decision.deny'];

test('every event has a speaker: a word that nobody says would be waited for in vain', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const code = globSync('hub/**/*.ts', { cwd: root })
    .filter((path) => !path.endsWith('.test.ts') && path !== 'hub/audit/event.ts')
    .map((path) => readFileSync(join(root, path), 'utf8'))
    .join('\n');
  const silent = auditEvents.filter((event) => !code.includes(`'${event}'`));
  expect(silent).toEqual(ofLaterVersions);
  const readme = readFileSync(join(root, 'hub/README.md'), 'utf8');
  for (const event of ofLaterVersions) expect(readme).toContain(`\`${event}\``);
});
