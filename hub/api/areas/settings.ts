// An admin asks how the hub is set; each setting leaves, with whence it comes, and of a secret only that it is set.

import { z } from '@hono/zod-openapi';

import { operation, type Operation } from '../operation/operation.ts';

export interface SettingServices {
  readonly settings: readonly {
    readonly name: string;
    readonly from: 'environment' | 'file' | 'default';
    readonly text: string | undefined;
    readonly isSecret: boolean;
  }[];
}

const settingSchema = z
  .object({
    name: z.string(),
    from: z.enum(['environment', 'file', 'default']),
    /** null: not set, or secret. */
    value: z.string().nullable(),
    is_secret: z.boolean(),
  })
  .openapi('Setting');

const list = operation({
  id: 'settings.list',
  method: 'get',
  path: '/admin/settings',
  summary: 'How the hub is set: what its environment says, and never a secret',
  auth: 'admin',
  scope: 'admin:read',
  stepUp: 'none',
  response: z.object({ items: z.array(settingSchema) }),
  async run(_caller, _input, { settings }: SettingServices) {
    return {
      items: settings.map(({ name, from, text, isSecret }) => ({
        name,
        from,
        value: isSecret ? null : (text ?? null),
        is_secret: isSecret,
      })),
    };
  },
});

export const settingOperations: readonly Operation<SettingServices>[] = [list];
