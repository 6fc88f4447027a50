// An invitation with an address arrives; it leaves there by mail, where the hub sends any, and whoever made it has not sent many (row A-23).

import type { FactorNews } from '../factors/factor-news.ts';
import type { Invitation, InvitationPost } from '../invitations.ts';
import { invitationLetter } from './letters.ts';
import type { Postbox } from './postbox.ts';
import type { Sends } from './sends.ts';

interface InvitationLettersOptions {
  readonly sends: Sends;
  readonly postbox: Postbox;
  readonly news: Pick<FactorNews, 'invitationSent'>;
  /** `https://hub.example.org`. */
  readonly origin: () => string;
}

export class InvitationLetters implements InvitationPost {
  readonly #options: InvitationLettersOptions;

  constructor(options: InvitationLettersOptions) {
    this.#options = options;
  }

  async send(
    { email, invitedBy, expiresAt }: Invitation,
    { secret, inviter }: { secret: string; inviter: string | undefined },
  ): Promise<boolean> {
    const { sends, postbox, news, origin } = this.#options;
    if (email === undefined || !postbox.isThere) return false;
    // On the host somebody could send whatever he likes anyway.
    const waitMs =
      invitedBy === undefined ? 0 : await sends.waitMs('invite', { accountId: invitedBy });
    if (waitMs > 0) return false;
    const link = `${origin()}/invite#${secret}`;
    postbox.post(async () => invitationLetter(email, { link, inviter, expiresAt }));
    news.invitationSent();
    return true;
  }
}
