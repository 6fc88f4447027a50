// Text arrives; whether it is the public key of an age identity leaves. By itself: the library behind it takes longer to load than a command may last.

/**
 * Bech32 (BIP 173) with a human-readable part that begins with "age": X25519 keys, and those of age's other kinds, which are
 * longer than BIP 173 allows. The checksum finds every slip of a finger; what the key is good for shows when it is used.
 */
export function isRecipient(text: string): boolean {
  const at = text.lastIndexOf('1');
  const [prefix, word] = [text.slice(0, at), text.slice(at + 1)];
  if (!/^age(1[a-z0-9-]+)?$/.test(prefix) || word.length < minWordChars) return false;
  const values = word.split('').map((char) => alphabet.indexOf(char));
  return !values.includes(-1) && checksum([...expanded(prefix), ...values]) === 1;
}

/** 32 bytes by five bits, and six characters of checksum. */
const minWordChars = 52 + 6;
const alphabet = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

function expanded(prefix: string): number[] {
  const codes = prefix.split('').map((char) => char.charCodeAt(0));
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
}

function checksum(values: readonly number[]): number {
  let sum = 1;
  for (const value of values) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    for (const [bit, generator] of generators.entries()) if ((top >> bit) & 1) sum ^= generator;
  }
  return sum;
}
