// What the API answers to admins leaves here, as pages read it: the JSON of hub/api, whose schemas hold it.

import type { CertificateAnswer, Listed } from './server-answers.ts';

export interface AdminAnswers {
  'certificates.list': Listed<CertificateAnswer>;
}
