// A User-Agent arrives; the two words leave by which somebody recognises his own browser in a list.

/** Order matters: each of them also calls itself by the names below it. */
const browsers: readonly (readonly [RegExp, string])[] = [
  [/\bEdgA?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bVivaldi\//, 'Vivaldi'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:Chrome|Chromium|CriOS|HeadlessChrome)\//, 'Chrome'],
  [/\bVersion\/[\d.]+.*\bSafari\//, 'Safari'],
  [/^curl\//, 'curl'],
];

const systems: readonly (readonly [RegExp, string])[] = [
  [/\b(?:iPhone|iPod)\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bMacintosh\b|\bMac OS X\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\b(?:Web0S|Tizen)\b/, 'a TV'],
  [/\bLinux\b/, 'Linux'],
];

/** Longer ones are somebody's joke, and patterns are not tried on them. */
const readLength = 512;

/** `Firefox on Windows`. A claim of the client's: shown to people, never decided by. */
export function softwareOf(userAgent: string | undefined): string {
  const text = userAgent?.slice(0, readLength) ?? '';
  const browser = firstIn(browsers, text);
  const system = firstIn(systems, text);
  if (browser === undefined && system === undefined) return 'an unknown program';
  if (browser === undefined) return `a program on ${system}`;
  return system === undefined ? browser : `${browser} on ${system}`;
}

function firstIn(words: typeof browsers, text: string): string | undefined {
  return words.find(([pattern]) => pattern.test(text))?.[1];
}
