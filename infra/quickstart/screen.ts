// What happened arrives; plain lines for a person leave, coloured only where a terminal shows colours.

import { styleText } from 'node:util';

const labelWidth = 9;

/** Stands alone, with room around it. */
export function title(text: string): void {
  write(`\n${styled('bold', text)}\n`);
}

/** `  hub      ready after 1.2 s` */
export function step(label: string, text: string): void {
  write(`  ${styled('dim', label.padEnd(labelWidth))}${text}\n`);
}

export function paragraph(...lines: readonly string[]): void {
  write(`\n${lines.map((line) => `  ${line}\n`).join('')}`);
}

/** A line to copy: alone, indented, nothing before or behind it. */
export function example(text: string): void {
  write(`\n    ${styled('cyan', text)}\n`);
}

/** One word of a shell's command line, whatever is in it: homes have spaces and apostrophes. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

export function failure(text: string, details: readonly string[]): void {
  const lines = details.map((line) => `    ${line}\n`).join('');
  process.stderr.write(`\n  ${styled('red', text)}\n${lines === '' ? '' : `\n${lines}`}\n`);
}

function write(text: string): void {
  process.stdout.write(text);
}

/** styleText asks the stream and NO_COLOR whether colour is wanted. */
function styled(format: Parameters<typeof styleText>[0], text: string): string {
  return styleText(format, text, { stream: process.stdout });
}
