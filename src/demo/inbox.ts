import type { AddressInfo } from 'node:net'
import PostalMime from 'postal-mime'
import { SMTPServer } from 'smtp-server'

/** A mail as it arrived over SMTP. */
export type Received = { messageId: string; from: string; to: string[]; subject: string; text: string }

/** An SMTP server on a free loopback port that keeps what it is sent. No authentication, no TLS: nothing leaves the machine. */
export async function openInbox(): Promise<{ url: string; received: readonly Received[]; close: () => Promise<void> }> {
  const received: Received[] = []
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    logger: false,
    onData(stream, session, done) {
      const to = session.envelope.rcptTo.map((recipient) => recipient.address)
      gather(stream)
        .then((raw) => PostalMime.parse(raw))
        .then((mail) => {
          const { messageId = '', subject = '', text = '' } = mail
          received.push({ messageId, from: mail.from?.address ?? '', to, subject, text })
          done()
        })
        .catch(done)
    },
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve())
  })
  const { port } = server.server.address() as AddressInfo
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()))
  return { url: `smtp://127.0.0.1:${port}`, received, close }
}

async function gather(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}
