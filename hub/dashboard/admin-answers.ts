// What the API answers to admins leaves here, as pages read it: the JSON of hub/api, whose schemas hold it.

import type { Finding } from '../../shared/doctor/finding.ts';
import type { Role } from '../accounts/account.ts';
import type { PresetName } from '../accounts/sso/presets.ts';
import type { CertificateAnswer, Listed } from './server-answers.ts';

export interface UserAnswer {
  readonly id: string;
  readonly username: string;
  readonly email: string | null;
  readonly is_email_verified: boolean;
  readonly role: Role;
  readonly state: 'active' | 'suspended';
  readonly created_at: string;
  readonly last_login_at: string | null;
  readonly is_password_breached: boolean;
  readonly networks: readonly string[];
}

export interface InvitationAnswer {
  readonly id: string;
  readonly role: Role;
  readonly email: string | null;
  readonly created_at: string;
  readonly expires_at: string;
}

export interface BanAnswer {
  readonly id: string;
  readonly network: string;
  readonly origin: 'guard' | 'operator';
  readonly reason: string;
  readonly by: string;
  readonly created_at: string;
  readonly until: string | null;
}

export interface LoginBlockAnswer {
  readonly kind: string;
  readonly what: string;
  readonly failures: number;
  readonly until: string;
}

export interface AuditAnswer {
  readonly ts: string;
  readonly seq: number;
  readonly event: string;
  readonly actor: { readonly id: string | null; readonly name: string | null } | null;
  readonly actor_ip: string | null;
  readonly target: string | null;
  readonly server: string | null;
  readonly result: string | null;
  readonly method: string | null;
  readonly reason: string | null;
}

export interface SettingAnswer {
  readonly name: string;
  readonly from: 'environment' | 'file' | 'default';
  readonly value: string | null;
  readonly is_secret: boolean;
}

export interface HealthAnswer {
  readonly state: 'ok' | 'warning' | 'failure';
  readonly items: readonly Finding[];
  readonly trips: readonly {
    readonly at: string;
    readonly limit: string;
    readonly who: string | null;
    readonly times: number;
  }[];
}

export interface ProviderAnswer {
  readonly id: string;
  readonly name: string;
  readonly preset: PresetName;
  readonly issuer: string;
  readonly client_id: string;
  readonly redirect_uri: string;
  readonly back_channel_logout_uri: string;
  readonly role_map: Readonly<Record<Role, readonly string[]>>;
  readonly links_by_email: boolean;
  readonly creates_accounts: boolean;
  readonly allow_private: boolean;
  readonly is_enabled: boolean;
  readonly answered_at: string | null;
}

export interface AdminAnswers {
  'users.list': Listed<UserAnswer>;
  'users.show': UserAnswer;
  'invitations.list': Listed<InvitationAnswer>;
  'bans.list': Listed<BanAnswer>;
  'login-blocks.list': Listed<LoginBlockAnswer>;
  'audit.list': Listed<AuditAnswer>;
  'settings.list': Listed<SettingAnswer>;
  'health.show': HealthAnswer;
  'sso.list': { readonly items: readonly ProviderAnswer[] };
  'certificates.list': Listed<CertificateAnswer>;
}
