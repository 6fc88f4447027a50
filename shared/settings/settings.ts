// The environment and a zod schema arrive; checked settings leave, or one error that lists every problem with its remedy.

import { readFileSync } from 'node:fs';

import type { z } from 'zod';

import { CodedError } from '../errors.ts';

export interface SettingProblem {
  /** The variable as it was set: NAME or NAME_FILE. */
  readonly name: string;
  /** What was expected. Never holds the value: it could be a secret in the wrong place. */
  readonly expected: string;
  readonly remedy: string;
}

/** Every problem of the environment at once, so that nobody mends them one start at a time. Exit code 78. */
export class SettingsError extends CodedError<'settings.invalid'> {
  readonly problems: readonly SettingProblem[];

  constructor(problems: readonly SettingProblem[]) {
    const lines = problems.map(({ name, expected, remedy }) => `  ${name}: ${expected}; ${remedy}`);
    const count =
      problems.length === 1 ? 'A setting is wrong' : `${problems.length} settings are wrong`;
    super('settings.invalid', `${count}:\n${lines.join('\n')}`);
    this.problems = problems;
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads a program's settings. The schema is a z.object whose keys are the variables' names and whose fields come from
 * kinds.ts. Each NAME can be given as NAME_FILE instead; an empty variable counts as unset.
 * @throws SettingsError settings.invalid
 */
export function readSettings<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  environment: Environment,
): z.output<z.ZodObject<Shape>> {
  const names = Object.keys(schema.shape);
  const problems = misspelt(names, environment);
  const given: Record<string, string> = {};
  const source = new Map<string, string>();

  for (const name of names) {
    try {
      const found = textOf(name, environment);
      if (found === undefined) continue;
      given[name] = found.text;
      source.set(name, found.from);
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      problems.push(...error.problems);
    }
  }

  const alreadyWrong = new Set(problems.map((problem) => problem.name.replace(/_FILE$/, '')));
  const parsed = schema.safeParse(given);
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0] ?? names.join(', '));
    if (alreadyWrong.has(name)) continue;
    const isUnset = name in schema.shape && given[name] === undefined;
    problems.push({
      name: source.get(name) ?? name,
      expected: issue.message,
      remedy:
        remedyOf(issue) ?? (isUnset ? 'it is not set' : 'correct it, or unset it for the default'),
    });
  }
  if (problems.length > 0 || !parsed.success) throw new SettingsError(problems);
  return parsed.data;
}

/** No secret, certificate or list of ours comes near this; a path to a device or a film is a mistake. */
const maxFileBytes = 256 * 1024;

function textOf(
  name: string,
  environment: Environment,
): { text: string; from: string } | undefined {
  const direct = environment[name] || undefined;
  // A setting that is itself a path (`HUB_TLS_CERT_FILE`) has no second file behind it.
  const fileName = name.endsWith('_FILE') ? undefined : `${name}_FILE`;
  const path = fileName === undefined ? undefined : environment[fileName] || undefined;
  if (fileName === undefined || path === undefined) {
    return direct === undefined ? undefined : { text: direct, from: name };
  }
  if (direct !== undefined) {
    const expected = `only one of ${name} and ${fileName} may be set`;
    throw new SettingsError([{ name: fileName, expected, remedy: 'unset one of the two' }]);
  }
  return { text: textOfFile(fileName, path), from: fileName };
}

function textOfFile(name: string, path: string): string {
  const problem = (expected: string, remedy: string): SettingsError =>
    new SettingsError([{ name, expected, remedy }]);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw problem(
      `${shownPath(path)} cannot be read (${reason})`,
      'check the path and that this user may read it',
    );
  }
  if (bytes.length > maxFileBytes) {
    throw problem(
      `${shownPath(path)} is larger than 256 KiB`,
      'check that the path is the right one',
    );
  }
  const text = bytes.toString('utf8').replace(/[\r\n]+$/, '');
  if (text === '') throw problem(`${shownPath(path)} is empty`, 'write the value into it');
  return text;
}

/** What does not look like a path may be the secret itself, in the wrong variable. */
function shownPath(path: string): string {
  return /^\.{0,2}\//.test(path) ? `the file ${path}` : 'the file that it names';
}

/** Names that are set, are not ours, and are one slip of the hand away from one of ours. */
function misspelt(names: readonly string[], environment: Environment): SettingProblem[] {
  const known = new Set(names.flatMap((name) => [name, `${name}_FILE`]));
  const problems: SettingProblem[] = [];
  for (const name of Object.keys(environment)) {
    if (known.has(name) || !environment[name]) continue;
    const meant = [...known].find((candidate) => isWithinTwoEdits(name.toUpperCase(), candidate));
    if (meant === undefined) continue;
    problems.push({
      name,
      expected: 'this program has no such setting',
      remedy: `did you mean ${meant}?`,
    });
  }
  return problems;
}

/** Levenshtein's distance, one row at a time, cut off by the lengths first. */
function isWithinTwoEdits(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 2) return false;
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return (row[b.length] ?? Infinity) <= 2;
}

function remedyOf(issue: z.core.$ZodIssue): string | undefined {
  const remedy: unknown = issue.code === 'custom' ? issue.params?.['remedy'] : undefined;
  return typeof remedy === 'string' ? remedy : undefined;
}
