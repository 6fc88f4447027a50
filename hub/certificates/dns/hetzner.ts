// TXT records arrive; a zone at Hetzner has them. Facts: docs.hetzner.cloud/reference/cloud, "Zones" and "Zone RRSets".

import { setTimeout as pause } from 'node:timers/promises';

import { z } from 'zod';

import { DnsError } from './failure.ts';
import { openHetznerConsole } from './hetzner-console.ts';
import { fieldText, HttpApi, parseJson, type ApiAnswer, type ApiRequest } from './http-api.ts';
import type { DnsProvider, TxtRecord } from './provider.ts';
import type { HetznerSettings } from './provider-settings.ts';
import { findZone, holdsTxt, nameInZone, quoteTxt } from './zone-name.ts';

/** `pauseMs`: between two looks at a change that is under way. */
export function openHetzner(settings: HetznerSettings, pauseMs = actionPauseMs): DnsProvider {
  const isOld = settings.api === 'console';
  return isOld ? openHetznerConsole(settings) : new HetznerCloud(settings, pauseMs);
}

const label = 'Hetzner';
const refusalBody = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
const zoneList = z.object({
  zones: z.array(z.object({ id: z.number(), name: z.string(), mode: z.string().optional() })),
});
const recordSet = z.object({
  rrset: z.object({ records: z.array(z.object({ value: z.string() })) }),
});
const actionBody = z.object({
  action: z.object({
    id: z.number(),
    status: z.enum(['running', 'success', 'error']),
    error: z.object({ code: z.string(), message: z.string() }).nullish(),
  }),
});
type Action = z.output<typeof actionBody>['action'];

/** The shortest that the API takes. */
const ttlSeconds = 60;
const actionPauseMs = 500;
/** Actions on a zone end within seconds. */
const maxActionLooks = 120;
/** While another change of the zone runs, the next is refused: `locked`, `conflict`. */
const maxConflicts = 10;

class HetznerCloud implements DnsProvider {
  readonly name = 'hetzner';
  readonly #api: HttpApi;
  readonly #pauseMs: number;

  constructor(settings: HetznerSettings, pauseMs: number) {
    const { token, baseUrl = 'https://api.hetzner.cloud/v1' } = settings;
    this.#pauseMs = pauseMs;
    const text = fieldText(token, 'the Hetzner token');
    this.#api = new HttpApi({
      provider: label,
      baseUrl,
      headers: () => ({ authorization: `Bearer ${text}`, 'content-type': 'application/json' }),
      reasonIn: (body) => refusalIn(body)?.message,
      credential: 'the Hetzner token (of the project that has the zone, with read and write)',
    });
  }

  async add(record: TxtRecord, signal: AbortSignal): Promise<void> {
    const path = await this.#pathOf(record.name, signal);
    const values = await this.#values(path, signal);
    if (values?.some((value) => holdsTxt(value, record.value)) === true) return;
    const records = [{ value: quoteTxt(record.value) }];
    // The time to live of a set that exists must not be contradicted.
    const body = values === undefined ? { records, ttl: ttlSeconds } : { records };
    await this.#change(`${path}/actions/add_records`, body, signal);
  }

  async remove(record: TxtRecord, signal: AbortSignal): Promise<void> {
    const path = await this.#pathOf(record.name, signal);
    const values = (await this.#values(path, signal)) ?? [];
    const records = values.filter((v) => holdsTxt(v, record.value)).map((value) => ({ value }));
    if (records.length > 0)
      await this.#change(`${path}/actions/remove_records`, { records }, signal);
  }

  async #pathOf(name: string, signal: AbortSignal): Promise<string> {
    const zone = await findZone(label, name, async (candidate) => {
      const request: ApiRequest = { method: 'GET', path: '/zones', query: { name: candidate } };
      const { zones } = await this.#api.json(request, zoneList, signal);
      return zones.find((found) => found.name === candidate);
    });
    if (zone.mode === 'secondary') {
      const message = `Hetzner holds ${zone.name} as a secondary zone only: choose the provider of its primary, or make the zone primary at Hetzner.`;
      throw new DnsError('dns.rejected', message);
    }
    return `/zones/${zone.id}/rrsets/${nameInZone(name, zone.name)}/TXT`;
  }

  /** Undefined: there is no such set yet. */
  async #values(path: string, signal: AbortSignal): Promise<string[] | undefined> {
    const request: ApiRequest = { method: 'GET', path };
    const answer = await this.#api.send(request, signal);
    if (answer.status === 404 && refusalIn(answer.text)?.code === 'not_found') return undefined;
    if (answer.status !== 200) throw this.#api.refusal(request, answer);
    return this.#api.read(answer, recordSet).rrset.records.map(({ value }) => value);
  }

  async #change(path: string, body: object, signal: AbortSignal): Promise<void> {
    const request: ApiRequest = { method: 'POST', path, body: JSON.stringify(body) };
    for (let conflicts = 0; ; conflicts += 1) {
      const answer = await this.#api.send(request, signal);
      if (answer.status === 200 || answer.status === 201) {
        return this.#finish(this.#api.read(answer, actionBody).action, signal);
      }
      if (isDone(path, answer)) return;
      const isBusy = ['conflict', 'locked'].includes(refusalIn(answer.text)?.code ?? '');
      if (!isBusy || conflicts >= maxConflicts) throw this.#api.refusal(request, answer);
      await pause(this.#pauseMs, undefined, { signal });
    }
  }

  /** An accepted change is published only when its action has ended. */
  async #finish(started: Action, signal: AbortSignal): Promise<void> {
    let action = started;
    for (let looks = 0; action.status === 'running' && looks < maxActionLooks; looks += 1) {
      await pause(this.#pauseMs, undefined, { signal });
      const request: ApiRequest = { method: 'GET', path: `/actions/${action.id}` };
      action = (await this.#api.json(request, actionBody, signal)).action;
    }
    if (action.status === 'success') return;
    const why =
      action.error?.message ??
      `it is still running after ${(maxActionLooks * this.#pauseMs) / 1000} s`;
    throw new DnsError('dns.rejected', `Hetzner did not change the records: ${why}.`);
  }
}

function refusalIn(text: string): { code: string; message: string } | undefined {
  return refusalBody.safeParse(parseJson(text)).data?.error;
}

/** Another process was quicker. */
function isDone(path: string, { text }: ApiAnswer): boolean {
  const code = refusalIn(text)?.code;
  return path.endsWith('add_records') ? code === 'uniqueness_error' : code === 'not_found';
}
