// The text of the public suffix list arrives, where the system has one; the answer to "is this name shared by strangers?" leaves.

import { readFileSync } from 'node:fs';
import { domainToASCII } from 'node:url';

export interface PublicSuffixes {
  /** `co.uk` and `github.io` are; `example.co.uk` is not. */
  has(hostname: string): boolean;
}

/** Where Debian and Fedora put it. */
const paths = [
  '/usr/share/publicsuffix/public_suffix_list.dat',
  '/usr/share/publicsuffix/effective_tld_names.dat',
];

/**
 * Undefined where there is none: a suffix can then be added, but never proven by anybody but who runs it.
 */
export function systemSuffixes(): PublicSuffixes | undefined {
  for (const path of paths) {
    try {
      return parseSuffixes(readFileSync(path, 'utf8'));
    } catch {
      // Not on this system; the list is a courtesy, the proof is the guard.
    }
  }
  return undefined;
}

/** https://github.com/publicsuffix/list/wiki/Format: rules, `*.` for any one label, `!` for exceptions to that. */
export function parseSuffixes(text: string): PublicSuffixes {
  const rules = new Set<string>();
  for (const line of text.split('\n')) {
    const rule = line.split(/\s/, 1)[0] ?? '';
    if (rule !== '' && !rule.startsWith('//')) rules.add(asciiRule(rule));
  }
  return {
    has: (hostname) => {
      if (rules.has(`!${hostname}`)) return false;
      return rules.has(hostname) || rules.has(`*${hostname.slice(hostname.indexOf('.'))}`);
    },
  };
}

/** The list has names as people read them; ours are encoded. */
function asciiRule(rule: string): string {
  const [, mark = '', name = ''] = /^(!|\*\.)?(.*)$/.exec(rule) ?? [];
  return mark + (isAscii.test(name) ? name : domainToASCII(name));
}

const isAscii = /^[a-z0-9.-]*$/;
