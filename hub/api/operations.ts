// The operations of every area of the API leave, in one list: what the router serves, the document describes and the tests hold.

import { accountExportOperations, type AccountExportServices } from './account-export.ts';
import { accountOperations, type AccountServices } from './account.ts';
import { arrivalOperations, type ArrivalServices } from './arrivals.ts';
import { authOperations, type AuthServices } from './auth.ts';
import { auditOperations, type AuditServices } from './audit.ts';
import { banOperations, type BanServices } from './bans.ts';
import { certificateOperations, type CertificateServices } from './certificates.ts';
import { domainOperations, type DomainServices } from './domains.ts';
import { emailOperations, type EmailServices } from './email.ts';
import { enrolmentTokenOperations, type EnrolmentTokenServices } from './enrolment-tokens.ts';
import { eventOperations, type EventServices } from './events.ts';
import { factorOperations, type FactorServices } from './factors.ts';
import { healthOperations, type HealthServices } from './health.ts';
import { memberOperations, type MemberServices } from './members.ts';
import { noticeOperations, type NoticeServices } from './notices.ts';
import type { Operation } from './operation.ts';
import { resetOperations, type ResetServices } from './resets.ts';
import { peopleAdminOperations, type PeopleAdminServices } from './people-admin.ts';
import { serverOperations, type ServerServices } from './servers.ts';
import { settingOperations, type SettingServices } from './settings.ts';
import { ssoOperations, type SsoServices } from './sso.ts';
import { stepUpOperations, type StepUpServices } from './step-up.ts';
import { tokenOperations, type TokenServices } from './tokens.ts';
import { trafficLimitOperations, type TrafficLimitServices } from './traffic-limits.ts';
import { trustOperations, type TrustServices } from './trusted-browsers.ts';
import { usageOperations, type UsageServices } from './usage.ts';

/** What all areas together need: each names its own part. */
export type ApiServices = ServerServices &
  UsageServices &
  AccountExportServices &
  TrafficLimitServices &
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
  ResetServices &
  AuthServices &
  StepUpServices &
  EmailServices &
  ArrivalServices &
  AccountServices &
  PeopleAdminServices &
  AuditServices &
  BanServices &
  SsoServices &
  NoticeServices;

export const operations: readonly Operation<ApiServices>[] = [
  ...serverOperations,
  ...usageOperations,
  ...accountExportOperations,
  ...trafficLimitOperations,
  ...memberOperations,
  ...enrolmentTokenOperations,
  ...domainOperations,
  ...certificateOperations,
  ...eventOperations,
  ...settingOperations,
  ...healthOperations,
  ...tokenOperations,
  ...authOperations,
  ...stepUpOperations,
  ...emailOperations,
  ...arrivalOperations,
  ...accountOperations,
  ...peopleAdminOperations,
  ...factorOperations,
  ...trustOperations,
  ...resetOperations,
  ...auditOperations,
  ...banOperations,
  ...ssoOperations,
  ...noticeOperations,
];
