// A letter arrives: plain text for one person; it leaves by SMTP, or the reason why it cannot. The port that hub/notices/mail implements.

export interface Letter {
  /** One address, `ann@example.org`: it is read and written anew, so nothing beside it gets into the envelope. */
  readonly to: string;
  /** One line. */
  readonly subject: string;
  readonly text: string;
}

export interface Mailer {
  /** One try. @throws NoticeError mail.off | mail.address | mail.insecure | mail.refused | mail.unreachable */
  send(letter: Letter): Promise<void>;
  /** False: no HUB_SMTP_ setting, so whoever offers something by mail should not. */
  readonly isSet: boolean;
}
