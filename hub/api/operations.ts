// The operations of every area of the API leave, in one list: what the router serves, the document describes and the tests hold.

import { accountExportOperations, type AccountExportServices } from './areas/account-export.ts';
import { accountOperations, type AccountServices } from './areas/account.ts';
import { loginOperations, type LoginServices } from './areas/logins.ts';
import { arrivalOperations, type ArrivalServices } from './areas/arrivals.ts';
import { authOperations, type AuthServices } from './areas/auth.ts';
import { auditOperations, type AuditServices } from './areas/audit.ts';
import { banOperations, type BanServices } from './areas/bans.ts';
import { certificateOperations, type CertificateServices } from './areas/certificates.ts';
import { domainOperations, type DomainServices } from './areas/domains.ts';
import { emailOperations, type EmailServices } from './areas/email.ts';
import {
  enrolmentTokenOperations,
  type EnrolmentTokenServices,
} from './agents/enrolment-tokens.ts';
import { eventOperations, type EventServices } from './news/events.ts';
import { factorOperations, type FactorServices } from './areas/factors.ts';
import { findingOperations, type FindingServices } from './areas/findings.ts';
import { healthOperations, type HealthServices } from './areas/health.ts';
import { loginBlockOperations, type LoginBlockServices } from './areas/login-blocks.ts';
import { memberOperations, type MemberServices } from './areas/members.ts';
import { noticeOperations, type NoticeServices } from './areas/notices.ts';
import type { Operation } from './operation/operation.ts';
import { resetOperations, type ResetServices } from './areas/resets.ts';
import { peopleAdminOperations, type PeopleAdminServices } from './areas/people-admin.ts';
import {
  serverInvitationOperations,
  type ServerInvitationServices,
} from './areas/server-invitations.ts';
import { serverOperations, type ServerServices } from './areas/servers.ts';
import { settingOperations, type SettingServices } from './areas/settings.ts';
import { ssoOperations, type SsoServices } from './areas/sso.ts';
import { stepUpOperations, type StepUpServices } from './areas/step-up.ts';
import { suspensionOperations, type SuspensionServices } from './areas/suspension.ts';
import { transferOperations, type TransferServices } from './areas/transfer.ts';
import { tokenOperations, type TokenServices } from './areas/tokens.ts';
import { trafficLimitOperations, type TrafficLimitServices } from './areas/traffic-limits.ts';
import { trustOperations, type TrustServices } from './areas/trusted-browsers.ts';
import { usageOperations, type UsageServices } from './areas/usage.ts';

/** What all areas together need: each names its own part. */
export type ApiServices = ServerServices &
  SuspensionServices &
  TransferServices &
  UsageServices &
  AccountExportServices &
  TrafficLimitServices &
  MemberServices &
  ServerInvitationServices &
  EnrolmentTokenServices &
  DomainServices &
  CertificateServices &
  EventServices &
  SettingServices &
  HealthServices &
  FindingServices &
  TokenServices &
  FactorServices &
  TrustServices &
  ResetServices &
  AuthServices &
  StepUpServices &
  EmailServices &
  ArrivalServices &
  AccountServices &
  LoginServices &
  PeopleAdminServices &
  LoginBlockServices &
  AuditServices &
  BanServices &
  SsoServices &
  NoticeServices;

export const operations: readonly Operation<ApiServices>[] = [
  ...serverOperations,
  ...suspensionOperations,
  ...transferOperations,
  ...usageOperations,
  ...accountExportOperations,
  ...trafficLimitOperations,
  ...memberOperations,
  ...serverInvitationOperations,
  ...enrolmentTokenOperations,
  ...domainOperations,
  ...certificateOperations,
  ...eventOperations,
  ...settingOperations,
  ...healthOperations,
  ...findingOperations,
  ...tokenOperations,
  ...authOperations,
  ...stepUpOperations,
  ...emailOperations,
  ...arrivalOperations,
  ...accountOperations,
  ...loginOperations,
  ...peopleAdminOperations,
  ...loginBlockOperations,
  ...factorOperations,
  ...trustOperations,
  ...resetOperations,
  ...auditOperations,
  ...banOperations,
  ...ssoOperations,
  ...noticeOperations,
];
