// The hub's data folder arrives; the local certificate authority in it leaves: made once, then only ever read.

import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { CertificateError } from './failure.ts';
import { constrainedDomains, issueAuthority, type IssuedPair } from './issuance.ts';

export interface LocalAuthority extends IssuedPair {
  readonly folder: string;
  /** The certificate that people install to trust the hub. */
  readonly certificatePath: string;
  /** base64url SHA-256 of the SubjectPublicKeyInfo: what enrolment tokens carry and agents pin. */
  readonly fingerprint: string;
  readonly notAfter: Date;
}

/**
 * Opens the authority in `folder`, making it if the folder is absent. One that is there is never replaced: agents and
 * browsers trust it, so whatever is wrong with it is for a person to decide.
 * @throws CertificateError
 */
export async function openLocalAuthority(
  folder: string,
  domains: readonly string[],
  now: Date,
): Promise<LocalAuthority> {
  const isThere = await stat(folder).then(
    () => true,
    () => false,
  );
  if (!isThere) await createAuthority(folder, domains, now);
  const authority = await readAuthority(folder, now);
  const allowed = constrainedDomains(authority.certificate) ?? [];
  const isAllowed = (domain: string): boolean =>
    allowed.some((root) => domain === root || domain.endsWith(`.${root}`));
  const refused = domains.filter((domain) => !isAllowed(domain));
  if (refused.length > 0) {
    throw new CertificateError(
      'certificate.names',
      `The local CA in ${folder} may only vouch for ${allowed.join(' and ')}, not for ${refused.join(' and ')}; set the former names again, or ${moveAside(folder)}`,
    );
  }
  return authority;
}

/** Writes a file that nobody else could read at any moment, and that a power cut cannot leave half written. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** @throws CertificateError certificate.exposed | certificate.unreadable */
export async function readPrivateFile(path: string): Promise<string> {
  try {
    await refuseExposed(path, '600');
    await refuseClosed(path);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof CertificateError) throw error;
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new CertificateError(
      'certificate.unreadable',
      `${path} cannot be read (${reason}); it must exist and belong to the user that runs the hub.`,
      { cause: error },
    );
  }
}

/** Root reads what nobody may: whoever took the right away meant the hub as well (security.md E-04). */
async function refuseClosed(path: string): Promise<void> {
  if (((await stat(path)).mode & 0o400) !== 0) return;
  throw new CertificateError(
    'certificate.unreadable',
    `${path} may be read by nobody; give it back to the user that runs the hub: chmod 600 ${path}`,
  );
}

const certificateName = 'ca.pem';
const keyName = 'ca-key.pem';

/** Complete or absent: the folder gets its name only when both files are on disk, so two first starts cannot mix theirs. */
async function createAuthority(
  folder: string,
  domains: readonly string[],
  now: Date,
): Promise<void> {
  await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
  const draft = await mkdtemp(`${folder}.new-`);
  try {
    const authority = await issueAuthority(domains, now);
    await writePrivateFile(join(draft, certificateName), authority.certificate);
    await writePrivateFile(join(draft, keyName), authority.key);
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  }
}

async function readAuthority(folder: string, now: Date): Promise<LocalAuthority> {
  await refuseExposed(folder, '700');
  const certificatePath = join(folder, certificateName);
  const certificate = await readPrivateFile(certificatePath);
  const key = await readPrivateFile(join(folder, keyName));
  const parsed = parseAuthority(folder, certificate, key);
  if (parsed.validToDate <= now) {
    throw new CertificateError(
      'certificate.expired',
      `The local CA in ${folder} ended on ${parsed.validToDate.toISOString()}; ${moveAside(folder)}`,
    );
  }
  const spki = parsed.publicKey.export({ type: 'spki', format: 'der' });
  return {
    certificate,
    key,
    folder,
    certificatePath,
    fingerprint: createHash('sha256').update(spki).digest('base64url'),
    notAfter: parsed.validToDate,
  };
}

function parseAuthority(folder: string, certificate: string, key: string): X509Certificate {
  try {
    const parsed = new X509Certificate(certificate);
    if (parsed.ca && parsed.checkPrivateKey(createPrivateKey(key))) return parsed;
  } catch (error) {
    throw new CertificateError(
      'certificate.unreadable',
      `The local CA in ${folder} is damaged; restore the folder from a backup, or ${moveAside(folder)}`,
      { cause: error },
    );
  }
  throw new CertificateError(
    'certificate.mismatch',
    `The key and the certificate of the local CA in ${folder} do not belong together; restore the folder from a backup, or ${moveAside(folder)}`,
  );
}

function moveAside(folder: string): string {
  return `move it aside (mv ${folder} ${folder}.old) so that a new one is made: agents then enrol again and browsers must trust the new one.`;
}

async function refuseExposed(path: string, mode: '600' | '700'): Promise<void> {
  // Windows keeps its access rules elsewhere; the mode it reports says nothing.
  if (process.platform === 'win32') return;
  const found = await stat(path);
  if ((found.mode & 0o077) === 0) return;
  throw new CertificateError(
    'certificate.exposed',
    `Other users of this machine can open ${path}; run chmod ${mode} ${path}, and think about who may have read it.`,
  );
}
