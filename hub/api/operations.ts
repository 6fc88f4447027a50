// The operations of every area of the API leave, in one list: what the router serves, the document describes and the tests hold.

import { certificateOperations, type CertificateServices } from './certificates.ts';
import { domainOperations, type DomainServices } from './domains.ts';
import { enrolmentTokenOperations, type EnrolmentTokenServices } from './enrolment-tokens.ts';
import { eventOperations, type EventServices } from './events.ts';
import { factorOperations, type FactorServices } from './factors.ts';
import { healthOperations, type HealthServices } from './health.ts';
import { memberOperations, type MemberServices } from './members.ts';
import type { Operation } from './operation.ts';
import { resetOperations, type ResetServices } from './resets.ts';
import { serverOperations, type ServerServices } from './servers.ts';
import { settingOperations, type SettingServices } from './settings.ts';
import { tokenOperations, type TokenServices } from './tokens.ts';
import { trustOperations, type TrustServices } from './trusted-browsers.ts';

/** What all areas together need: each names its own part. */
export type ApiServices = ServerServices &
  MemberServices &
  EnrolmentTokenServices &
  DomainServices &
  CertificateServices &
  EventServices &
  SettingServices &
  HealthServices &
  TokenServices &
  FactorServices &
  TrustServices &
  ResetServices;

export const operations: readonly Operation<ApiServices>[] = [
  ...serverOperations,
  ...memberOperations,
  ...enrolmentTokenOperations,
  ...domainOperations,
  ...certificateOperations,
  ...eventOperations,
  ...settingOperations,
  ...healthOperations,
  ...tokenOperations,
  ...factorOperations,
  ...trustOperations,
  ...resetOperations,
];
