// What runs through a server's links now arrives; cards leave that islands/server.ts keeps true: how good the line is, and who plays what.

import { html } from 'hono/html';

import { delayText, rateText } from '../../islands/amounts.ts';
import { card, figure, figures } from '../../parts/card.ts';
import type { Markup } from '../../parts/markup.ts';
import { table } from '../../parts/table.ts';
import type { LiveAnswer } from '../../server-answers.ts';

export function lineCard({ link, streams }: LiveAnswer): Markup {
  return card({
    title: 'The line now',
    body: [
      figures([
        figure('Round trip', now('rtt', delayText(link?.rtt_ms)), 'hub to home and back'),
        figure('Queue', now('queue', delayText(link?.queue_ms)), 'what bytes wait beyond that'),
        figure('To visitors', now('down', rateText(link?.bits_per_second_down ?? 0))),
        figure('From visitors', now('up', rateText(link?.bits_per_second_up ?? 0))),
        figure('Streams', now('streams', String(streams.length))),
      ]),
      html`<div class="charts" data-charts>
        <div class="choices" role="group" aria-label="Span of the charts">
          <button type="button" class="choice" data-span="hour" aria-pressed="true">
            Last hour
          </button>
          <button type="button" class="choice" data-span="day" aria-pressed="false">
            Last day
          </button>
        </div>
        ${chart('throughput', 'Throughput', ['To visitors', 'From visitors'])}
        ${chart('delay', 'Delay', ['Round trip', 'Queue'])}
        <p class="soft small" data-chart-words role="status">
          Charts appear as soon as there is something to draw.
        </p>
      </div>`,
    ],
  });
}

function now(name: string, text: string): Markup {
  return html`<span data-now="${name}">${text}</span>`;
}

function chart(id: string, title: string, series: readonly string[]): Markup {
  return html`<figure class="chart">
    <figcaption>
      <span>${title}</span>
      <span class="chart-keys" aria-hidden="true"
        >${series.map((name, at) => html`<span class="chart-key series-${at + 1}">${name}</span>`)}</span
      >
    </figcaption>
    <p class="chart-readout" data-readout aria-hidden="true"></p>
    <div class="chart-place" data-chart="${id}" role="img" aria-label="${title}"></div>
  </figure>`;
}

export function streamsCard({ streams }: LiveAnswer): Markup {
  return card({
    title: 'Playing now',
    body: html`
      <div data-streams ${streams.length === 0 && html`hidden`}>
        ${table({
          caption: 'Streams that run now',
          id: 'streams',
          columns: [
            { title: 'App' },
            { title: 'Visitor' },
            { title: 'What' },
            { title: 'Rate', align: 'end' },
            { title: 'Moved', align: 'end' },
            { title: 'Limited by' },
          ],
          rows: [],
        })}
      </div>
      <p class="soft" data-no-streams ${streams.length > 0 && html`hidden`}>
        Nobody is watching at the moment. Whoever begins appears here at once, with what limits the
        stream.
      </p>
    `,
  });
}
