/*
 * The classes of the SendGrid packages. Their own declarations name only the ready-made, process-wide
 * instances; these two files hold the classes those are made of, and have no declarations.
 */

declare module '@sendgrid/client/src/classes/client.js' {
  class Client {
    /** Merged into every request, and handed to axios as it is. */
    setDefaultRequest(defaults: Readonly<Record<string, unknown>>): this;
    setDefaultHeader(name: string, value: string): this;
  }
  export = Client;
}

declare module '@sendgrid/mail/src/classes/mail-service.js' {
  import type Client from '@sendgrid/client/src/classes/client.js';
  import type { MailDataRequired } from '@sendgrid/mail';

  class MailService {
    setClient(client: Client): this;
    send(
      mail: MailDataRequired,
    ): Promise<
      [{ readonly statusCode: number; readonly body: unknown; readonly headers: unknown }, unknown]
    >;
  }
  export = MailService;
}
